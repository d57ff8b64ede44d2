"""caso-messenger-lines: appends every record to a file, as one line of JSON.

A whole messenger in Python, by docs/plugin-authors.md alone. It needs grpcio, cryptography, and the modules
that `python -m grpc_tools.protoc` makes of proto/caso/plugin/v1/*.proto.
"""
import base64
import datetime
import json
import os
import signal
import sys
import tempfile
import threading
from concurrent import futures

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from google.protobuf import json_format

from caso.plugin.v1 import diagnostic_pb2, messenger_pb2, messenger_pb2_grpc
from caso.plugin.v1 import option_pb2, plugin_pb2, plugin_pb2_grpc, record_pb2

MAX_MESSAGE_BYTES = 17 << 20


def log(level, message, **fields):
    """One line of JSON on stderr becomes one line of the host's log."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    entry = {"@level": level, "@message": message, "@timestamp": now, **fields}
    print(json.dumps(entry), file=sys.stderr, flush=True)


def error(summary, section=None, name=None):
    diagnostic = diagnostic_pb2.Diagnostic(
        severity=diagnostic_pb2.Diagnostic.SEVERITY_ERROR, summary=" ".join(summary.split()))
    if section:
        diagnostic.option.section, diagnostic.option.name = section, name
    return diagnostic


class Settings:
    path = None


class Plugin(plugin_pb2_grpc.PluginServicer):
    def __init__(self, settings):
        self.settings = settings

    def Describe(self, request, context):
        return plugin_pb2.DescribeResponse(
            name="lines",
            version="1.0.0",
            kind=plugin_pb2.KIND_MESSENGER,
            record_types=[plugin_pb2.RecordTypeDescription(type=t) for t in (record_pb2.RECORD_TYPE_CLOUD, record_pb2.RECORD_TYPE_IP)],
            options=[option_pb2.Option(
                section="lines", name="path", type=option_pb2.OPTION_TYPE_STRING, required=True,
                help="The file that records are appended to, one JSON object a line.")])

    def Configure(self, request, context):
        values = {(v.option.section, v.option.name): v for v in request.values}
        path = values.get(("lines", "path"))
        if path is None or not os.path.isabs(path.string_value):
            return plugin_pb2.ConfigureResponse(
                diagnostics=[error("path must be an absolute path", "lines", "path")])
        self.settings.path = path.string_value
        return plugin_pb2.ConfigureResponse()

    def Close(self, request, context):
        return plugin_pb2.CloseResponse()


class Messenger(messenger_pb2_grpc.MessengerServicer):
    def __init__(self, settings):
        self.settings = settings

    def Deliver(self, requests, context):
        for request in requests:
            yield messenger_pb2.DeliverResponse(ack=self.deliver(request.batch))

    def deliver(self, batch):
        ack = messenger_pb2.Ack(batch_id=batch.id)
        try:
            lines = "".join(
                json.dumps(json_format.MessageToDict(record), sort_keys=True) + "\n"
                for record in batch.records)
            with open(self.settings.path, "a", encoding="utf-8") as out:
                out.write(lines)
                out.flush()
                os.fsync(out.fileno())
            ack.result = messenger_pb2.Ack.RESULT_DELIVERED
        except Exception as problem:  # Whatever it is, the batch must come again.
            log("error", "delivering failed", batch=batch.id, error=str(problem))
            ack.result = messenger_pb2.Ack.RESULT_RETRY
            ack.diagnostics.append(error(f"cannot append batch {batch.id} to {self.settings.path}: {problem}"))
        return ack


def certificate():
    """A self-signed certificate for localhost and its key, both for this process only."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256()))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                            serialization.NoEncryption())
    return made, pem


def follow_host():
    """Ends the process once the host is gone, however it went."""
    lifeline = os.environ.get("CASO_LIFELINE_FD")
    if lifeline is None:
        return

    def wait():
        os.read(int(lifeline), 1)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def go_plugin_services(stopped):
    """What go-plugin asks of every plugin: the health service, and a stop event."""
    def health(request, context):
        return b"\x08\x01"  # HealthCheckResponse{status: SERVING}

    def shutdown(request, context):
        stopped.set()
        return b""

    def raw(handler):
        return grpc.unary_unary_rpc_method_handler(handler)

    return (
        grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": raw(health)}),
        grpc.method_handlers_generic_handler("plugin.GRPCController", {"Shutdown": raw(shutdown)}))


def main():
    if os.environ.get("CASO_PLUGIN") != "caso.plugin.v1":
        sys.exit("caso-messenger-lines is a plugin of caso: put it into a plugin directory, caso starts it")
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sig, signal.SIG_IGN)  # The host ends its plugins.
    follow_host()
    # Whatever else prints goes to stderr: the host reads one line on the real stdout.
    handshake = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    settings, stopped = Settings(), threading.Event()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=[
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES)])
    plugin_pb2_grpc.add_PluginServicer_to_server(Plugin(settings), server)
    messenger_pb2_grpc.add_MessengerServicer_to_server(Messenger(settings), server)
    server.add_generic_rpc_handlers(go_plugin_services(stopped))

    directory = tempfile.mkdtemp(dir=os.environ.get("PLUGIN_UNIX_SOCKET_DIR"))
    path = os.path.join(directory, "plugin.sock")
    own, own_key = certificate()
    server.add_secure_port("unix:" + path, grpc.ssl_server_credentials(
        [(own_key, own.public_bytes(serialization.Encoding.PEM))],
        root_certificates=os.environ["PLUGIN_CLIENT_CERT"].encode(), require_client_auth=True))
    server.start()

    der = own.public_bytes(serialization.Encoding.DER)
    cert = base64.b64encode(der).decode().rstrip("=")
    print(f"1|1|unix|{path}|grpc|{cert}", file=handshake, flush=True)
    stopped.wait()
    server.stop(grace=1).wait()


if __name__ == "__main__":
    main()
