//! Makes a server on 127.0.0.1 reachable at another address of this machine, for functions in containers.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// Listens on `address` with the port of `server`. The future that is returned forwards connections to `server`
/// until it is dropped.
pub(crate) async fn listen(
    address: IpAddr,
    server: SocketAddr,
) -> io::Result<impl Future<Output = ()> + Send> {
    let listener = TcpListener::bind((address, server.port())).await?;
    Ok(async move {
        loop {
            match listener.accept().await {
                // A client whose connection is closed reports the error.
                Ok((client, _)) => drop(tokio::spawn(forward(client, server))),
                // Too many open files, for example.
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
    })
}

async fn forward(mut client: TcpStream, server: SocketAddr) -> io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
