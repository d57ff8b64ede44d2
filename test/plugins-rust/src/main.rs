//! caso-messenger-lines appends the id of every record to a file. It is the proof that tonic and rustls,
//! without any setting of their own, speak with the host.
use std::{env, fs::OpenOptions, io::Write, os::fd::FromRawFd, sync::Mutex};

use base64::{engine::general_purpose::STANDARD_NO_PAD, Engine};
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

mod pb {
    tonic::include_proto!("caso.plugin.v1");
}
use pb::{messenger_server, plugin_server, Diagnostic, OptionRef};

#[derive(Default)]
struct Lines {
    path: Mutex<String>,
}

#[tonic::async_trait]
impl plugin_server::Plugin for std::sync::Arc<Lines> {
    async fn describe(&self, _: Request<pb::DescribeRequest>) -> Result<Response<pb::DescribeResponse>, Status> {
        let accepts = |t: pb::RecordType| pb::RecordTypeDescription { r#type: t as i32, ..Default::default() };
        Ok(Response::new(pb::DescribeResponse {
            name: "lines".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            kind: pb::Kind::Messenger as i32,
            record_types: vec![accepts(pb::RecordType::Cloud), accepts(pb::RecordType::Ip)],
            options: vec![pb::Option {
                section: "lines".into(),
                name: "path".into(),
                r#type: pb::OptionType::String as i32,
                required: true,
                help: "The file to append the ids of records to, one per line.".into(),
                ..Default::default()
            }],
            features: vec![],
        }))
    }

    async fn configure(&self, request: Request<pb::ConfigureRequest>) -> Result<Response<pb::ConfigureResponse>, Status> {
        let path = request.into_inner().values.into_iter().find_map(|v| match v.value {
            Some(pb::option_value::Value::StringValue(text)) if text.starts_with('/') => Some(text),
            _ => None,
        });
        let mut diagnostics = vec![];
        match path {
            Some(path) => *self.path.lock().unwrap() = path,
            None => diagnostics.push(Diagnostic {
                severity: pb::diagnostic::Severity::Error as i32,
                summary: "must be an absolute path".into(),
                option: Some(OptionRef { section: "lines".into(), name: "path".into() }),
                ..Default::default()
            }),
        }
        Ok(Response::new(pb::ConfigureResponse { diagnostics }))
    }

    async fn check(&self, _: Request<pb::CheckRequest>) -> Result<Response<pb::CheckResponse>, Status> {
        Err(Status::unimplemented("no check"))
    }

    async fn close(&self, _: Request<pb::CloseRequest>) -> Result<Response<pb::CloseResponse>, Status> {
        Ok(Response::new(pb::CloseResponse { diagnostics: vec![] }))
    }
}

impl Lines {
    fn append(&self, batch: &pb::Batch) -> std::io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).open(&*self.path.lock().unwrap())?;
        for record in &batch.records {
            writeln!(file, "{}", record.id)?;
        }
        file.sync_all()
    }
}

#[tonic::async_trait]
impl messenger_server::Messenger for std::sync::Arc<Lines> {
    type DeliverStream = std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<pb::DeliverResponse, Status>> + Send>>;

    async fn deliver(&self, request: Request<Streaming<pb::DeliverRequest>>) -> Result<Response<Self::DeliverStream>, Status> {
        let lines = self.clone();
        let answers = tokio_stream::StreamExt::map(request.into_inner(), move |message| {
            let batch = message?.batch.unwrap_or_default();
            let mut ack = pb::Ack { batch_id: batch.id.clone(), result: pb::ack::Result::Delivered as i32, ..Default::default() };
            if let Err(error) = lines.append(&batch) {
                ack.result = pb::ack::Result::Retry as i32;
                ack.diagnostics.push(Diagnostic {
                    severity: pb::diagnostic::Severity::Error as i32,
                    summary: format!("appending batch {}: {error}", batch.id),
                    ..Default::default()
                });
            }
            Ok(pb::DeliverResponse { ack: Some(ack) })
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    if env::var("CASO_PLUGIN").as_deref() != Ok("caso.plugin.v1") {
        eprintln!("This is a messenger plugin. caso starts it; see docs/plugin-authors.md.");
        std::process::exit(1);
    }
    // The host ends its plugins; a signal to the group must not interrupt a batch.
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    // The lifeline reads as ended once the host is gone.
    if let Some(fd) = env::var("CASO_LIFELINE_FD").ok().and_then(|fd| fd.parse::<i32>().ok()) {
        std::thread::spawn(move || {
            let mut lifeline = unsafe { std::fs::File::from_raw_fd(fd) };
            let _ = std::io::Read::read(&mut lifeline, &mut [0]);
            std::process::exit(1);
        });
    }
    // Only the handshake goes to the real standard output.
    let mut stdout = unsafe {
        let fd = libc::dup(1);
        libc::dup2(2, 1);
        std::fs::File::from_raw_fd(fd)
    };
    let own = rcgen::generate_simple_self_signed(["localhost".to_string()])?;
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(own.cert.pem(), own.signing_key.serialize_pem()))
        .client_ca_root(Certificate::from_pem(env::var("PLUGIN_CLIENT_CERT")?));
    let socket = format!("{}/lines", env::var("PLUGIN_UNIX_SOCKET_DIR")?);
    let listener = UnixListener::bind(&socket)?;
    writeln!(stdout, "1|1|unix|{socket}|grpc|{}", STANDARD_NO_PAD.encode(own.cert.der()))?;

    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("plugin", tonic_health::ServingStatus::Serving).await;
    let lines = std::sync::Arc::new(Lines::default());
    const LIMIT: usize = 17 << 20;
    Server::builder()
        .tls_config(tls)?
        .add_service(health_service)
        .add_service(plugin_server::PluginServer::new(lines.clone()))
        .add_service(messenger_server::MessengerServer::new(lines).max_decoding_message_size(LIMIT).max_encoding_message_size(LIMIT))
        .serve_with_incoming(UnixListenerStream::new(listener))
        .await?;
    Ok(())
}
