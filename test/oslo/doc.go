// Package oslo compares core/config with the real oslo.config: both read the same hand-written and
// generated files. It needs a Python with oslo_config, named by the environment variable
// CASO_OSLO_PYTHON, and is skipped without one.
package oslo
