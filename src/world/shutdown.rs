//! The end of the process, in two steps.
use tokio_util::sync::CancellationToken;

#[derive(Clone, Default)]
pub struct Shutdown {
    /// No new calls; what runs may end by itself.
    pub closing: CancellationToken,
    /// What still runs is cut, in words.
    pub cut: CancellationToken,
}
