use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use super::{Api, connection::Connection, router};

/// Connections at the same time; more wait to be accepted.
const CONNECTIONS: usize = 4_096;
/// Bytes of the head of a request, and of what is buffered of an answer.
const HEAD_BYTES: usize = 64 * 1024;
const HEADERS: usize = 100;
/// After the system could not accept a connection, since it ran out of files for example.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// To send the head of a request, the rest between two requests included.
    pub head: Duration,
    /// To send the body of a request.
    pub body: Duration,
    /// To read what is written to it, before it goes on.
    pub write: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let patience = Duration::from_secs(30);
        Self { head: patience, body: patience, write: patience }
    }
}

impl Api {
    /// Serves requests until [`Api::close`], and then lets those under way end for at most `grace`. Answers how many
    /// connections were cut off.
    ///
    /// # Errors
    /// None while it serves: what goes wrong with one connection ends that connection.
    pub async fn serve(&self, listener: TcpListener, grace: Duration) -> usize {
        let connections = Arc::new(Semaphore::new(CONNECTIONS));
        let graceful = GracefulShutdown::new();
        let service = router(self);
        let mut closed = pin!(self.closing.cancelled());
        loop {
            let accepted = tokio::select! {
                accepted = accept(&listener, &connections) => accepted,
                () = &mut closed => break,
            };
            match accepted {
                Ok((stream, peer, permit)) => {
                    let connection = graceful.watch(connection(stream, service.clone(), self.patience));
                    tokio::spawn(async move {
                        if let Err(error) = connection.await {
                            debug!(%peer, %error, "a connection ended early");
                        }
                        drop(permit);
                    });
                }
                Err(error) => {
                    warn!(%error, "a connection cannot be accepted");
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
        drop(listener);
        match timeout(grace, graceful.shutdown()).await {
            Ok(()) => 0,
            Err(_) => CONNECTIONS - connections.available_permits(),
        }
    }
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // An answer goes out when it is ready, not when the last one has been acknowledged.
    stream.set_nodelay(true)?;
    Ok((stream, peer, permit))
}

fn connection(
    stream: TcpStream,
    service: Router,
    patience: Patience,
) -> http1::Connection<TokioIo<Connection>, TowerToHyperService<Router>> {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.head)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(Connection::new(stream, patience.write)), TowerToHyperService::new(service))
}
