//! Generates the services from the contract, with a protobuf compiler in Rust, so that none is needed.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::env::var("CASO_PROTO").unwrap_or_else(|_| "../../proto".into());
    let files = protox::compile(
        ["caso/plugin/v1/plugin.proto", "caso/plugin/v1/messenger.proto"],
        [root],
    )?;
    tonic_prost_build::configure().build_client(false).compile_fds(files)?;
    Ok(())
}
