//! Serving devices of this machine.

use std::net::{SocketAddr, TcpListener};

use burn::server::{
    self, AuthorizationRequest, PeerAuthorizer, RemoteServer, TokenAuthorizer, WebSocketTransport,
};
use burn::tensor::Device;
use thiserror::Error;

/// Why devices cannot be served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// An address that cannot be listened on.
    #[error("{address}: expected an address and a port of this machine that are free to listen on: {source}")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A token that is none.
    #[error("token: expected at least one character, found none")]
    EmptyToken,
    /// Devices that cannot be served, or a server that failed.
    #[error("serving: {0}")]
    Server(String),
}

/// A server of devices, which listens already.
///
/// Whoever reaches its address can compute on its devices, and fill their memory: see [the module](super).
#[derive(Debug)]
pub struct DeviceServer {
    listener: TcpListener,
    devices: Vec<Device>,
    token: Option<TokenAuthorizer>,
}

impl DeviceServer {
    /// Listens on `address`, such as `127.0.0.1:3000`; port 0 is any that is free. A client names a device by its place in `devices`, which
    /// must be of one backend, where all those of GPUs count as one.
    ///
    /// # Errors
    ///
    /// [`ServeError::Listen`].
    pub fn bind(address: &str, devices: Vec<Device>) -> Result<Self, ServeError> {
        let refused = |source| ServeError::Listen { address: address.to_owned(), source };
        let listener = TcpListener::bind(address).map_err(refused)?;
        Ok(Self { listener, devices, token: None })
    }

    /// Lets only clients in that present this token ([`present_token`](super::present_token)).
    ///
    /// # Errors
    ///
    /// [`ServeError::EmptyToken`].
    pub fn with_token(mut self, token: String) -> Result<Self, ServeError> {
        self.token = Some(TokenAuthorizer::new(token).map_err(|_| ServeError::EmptyToken)?);
        Ok(self)
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// [`ServeError::Server`] if the system does not say.
    pub fn address(&self) -> Result<SocketAddr, ServeError> {
        self.listener.local_addr().map_err(|error| ServeError::Server(error.to_string()))
    }

    /// Serves until the process gets SIGINT (Ctrl-C) or SIGTERM, then ends all sessions.
    ///
    /// # Errors
    ///
    /// [`ServeError::Server`].
    pub fn serve(self) -> Result<(), ServeError> {
        let token = self.token;
        let let_in = move |request: AuthorizationRequest<'_>| {
            let (client, index) = (request.client, request.device_index);
            let answer = token.as_ref().map_or(Ok(()), |token| token.authorize(request));
            match &answer {
                Ok(()) => tracing::info!("{client} asks for device {index}"),
                Err(reason) => tracing::warn!("refused: {reason}"),
            }
            answer
        };
        let server = RemoteServer::new(self.devices).with_authorizer(let_in);
        let failed = |error: server::ServeError| ServeError::Server(error.to_string());
        server.serve(WebSocketTransport::from_listener(self.listener)).map_err(failed)
    }
}
