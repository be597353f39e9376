//! The one HTTP client: for identity providers and upstreams. It follows no redirect and reads no proxy
//! variable; who it may be sent to is for its callers, which know only addresses of the operator.
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{
    BodyExt as _, Either, Full, LengthLimitError, Limited, combinators::UnsyncBoxBody,
};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_mins(1);
const IDLE_CONNECTIONS: usize = 512;

/// The body of a question: here as a whole, or on its way.
pub type Outgoing = Either<Full<Bytes>, UnsyncBoxBody<Bytes, std::io::Error>>;

#[derive(Clone)]
pub struct Outbound(Client<HttpsConnector<HttpConnector>, Outgoing>);

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    #[error("cannot be reached")]
    Unreachable,
    #[error("did not answer in time")]
    Slow,
    #[error("broke off its answer")]
    Broken,
    #[error("answered with more than is sensible")]
    TooLong,
}

impl Outbound {
    #[must_use]
    pub fn new() -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls())
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        #[expect(clippy::disallowed_methods, reason = "this is the one client")]
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(https);
        Self(client)
    }

    /// The head of the answer; its body streams.
    pub async fn send(
        &self,
        request: Request<Outgoing>,
        within: Duration,
    ) -> Result<Response<Incoming>, Trouble> {
        match tokio::time::timeout(within, self.0.request(request)).await {
            Err(_) => Err(Trouble::Slow),
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_connect() => Err(Trouble::Unreachable),
            Ok(Err(_)) => Err(Trouble::Broken),
        }
    }

    /// The whole answer, which must be short and quick.
    pub async fn fetch(
        &self,
        request: Request<Full<Bytes>>,
        within: Duration,
        most: usize,
    ) -> Result<Response<Bytes>, Trouble> {
        let whole = async {
            let (head, body) = self.send(request.map(Either::Left), within).await?.into_parts();
            let body = Limited::new(body, most).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() { Trouble::TooLong } else { Trouble::Broken }
            })?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        tokio::time::timeout(within, whole).await.unwrap_or(Err(Trouble::Slow))
    }
}

impl Default for Outbound {
    fn default() -> Self {
        Self::new()
    }
}

/// The system's certificates. A machine that has none can still speak http on loopback, as a demo does.
fn tls() -> rustls::ClientConfig {
    use hyper_rustls::ConfigBuilderExt as _;
    let builder = || {
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("aws-lc-rs serves TLS 1.2 and 1.3")
    };
    match builder().with_native_roots() {
        Ok(config) => config.with_no_client_auth(),
        Err(error) => {
            tracing::warn!(%error, "the system has no certificates: https to others will fail");
            builder().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
        }
    }
}
