//! Accepts connections, and closes them in an orderly way.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time;

use crate::base::cancel::Cancel;

/// The most open connections. Others wait until one is closed.
const MOST_CONNECTIONS: usize = 512;
/// Time in which a client must send the head of a request.
const HEAD: Duration = Duration::from_secs(5);
/// Largest head of a request, in bytes.
const MOST_HEAD: usize = 64 << 10;
/// How often a request to stop is looked for.
const LOOK: Duration = Duration::from_millis(50);
/// Time that requests in progress have once the server stops.
const GRACE: Duration = Duration::from_secs(10);
/// Pause after a connection could not be accepted, which happens when no file descriptor is left.
const PAUSE: Duration = Duration::from_millis(100);

/// A server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another program has the address.
    #[error("another program already listens on {0}")]
    InUse(SocketAddr),
    /// The system refuses the address.
    #[error("cannot listen on {address}")]
    Refused {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system has no memory or no thread for it.
    #[error("cannot start the server")]
    Start(#[source] io::Error),
}

impl ListenError {
    /// Suggested fixes, one per hint.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::InUse(address) => format!(
                "choose another port with `--listen {}:{}`, or any free one with port 0",
                address.ip(),
                address.port().wrapping_add(1)
            ),
            Self::Refused { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "ports below 1024 need special rights; choose a higher one with `--listen`"
                    .to_owned()
            }
            Self::Refused { .. } => {
                "`--listen` takes an address of this machine, such as 127.0.0.1:8080".to_owned()
            }
            Self::Start(_) => return vec![],
        };
        vec![hint]
    }
}

/// A socket that connections may arrive at.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    /// The address, with the port that the system chose for port 0.
    pub address: SocketAddr,
}

impl Listening {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the address is in use or not of this machine.
    pub fn at(address: SocketAddr) -> Result<Self, ListenError> {
        let refused = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse(address),
            _ => ListenError::Refused { address, source },
        };
        let listener = TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address })
    }

    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        self.address.ip().is_loopback()
    }

    /// Answers requests until `stop` is set, and then those in progress.
    pub(super) fn serve(self, router: Router, stop: &Cancel) -> Result<(), ListenError> {
        let runtime = runtime().map_err(ListenError::Start)?;
        let served = runtime.block_on(serve(self, router, stop));
        // Work of clients that have left is not waited for.
        runtime.shutdown_background();
        served
    }
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_io().enable_time().max_blocking_threads(8).build()
}

async fn serve(listening: Listening, router: Router, stop: &Cancel) -> Result<(), ListenError> {
    let listener =
        tokio::net::TcpListener::from_std(listening.listener).map_err(ListenError::Start)?;
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let next = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, permit)
        };
        tokio::select! {
            () = stopped(stop) => break,
            (accepted, permit) = next => match (accepted, permit) {
                (Ok((stream, _)), Ok(permit)) => answer(stream, permit, &router, &graceful),
                (Err(error), _) => {
                    tracing::warn!("a connection could not be accepted: {error}");
                    time::sleep(PAUSE).await;
                }
                (_, Err(_)) => break,
            },
        }
    }
    // What has not been answered by then has a client that does not read.
    let _ = time::timeout(GRACE, graceful.shutdown()).await;
    Ok(())
}

/// Answers the requests of a connection, beside all others.
fn answer(
    stream: TcpStream,
    permit: OwnedSemaphorePermit,
    router: &Router,
    graceful: &GracefulShutdown,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MOST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection ended early: {error}");
        }
        drop(permit);
    });
}

/// Waits for a request to stop.
pub(super) fn stopped(stop: &Cancel) -> impl Future<Output = ()> + Send + use<> {
    let stop = stop.clone();
    async move {
        while !stop.is_set() {
            time::sleep(LOOK).await;
        }
    }
}
