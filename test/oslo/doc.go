// Package oslo compares core/config with the real oslo.config: the same files, made at random and by
// hand, are given to both. It needs a Python that can import oslo_config, named by the environment
// variable CASO_OSLO_PYTHON, and is skipped without one.
package oslo
