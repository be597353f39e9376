//! How long a sound is that a form carries, measured while it passes: providers bill seconds, and not all say how
//! many they counted.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The head of a WAV file, as nearly all programs write it: RIFF, WAVE, `fmt `, then the samples.
const WAV_HEAD: usize = 44;
/// Bytes a second of speech as most files have it: 128 kbit/s.
const USUAL_RATE: u64 = 16_000;
/// And as hardly any has less: 16 kbit/s.
const LOWEST_RATE: u64 = 2_000;

/// Shared between the body on its way and the meter of the call.
#[derive(Clone, Default)]
pub(super) struct Heard(Arc<Mutex<File>>);

#[derive(Default)]
struct File {
    head: Vec<u8>,
    bytes: u64,
    /// What the caller's head announced for the whole form.
    announced: u64,
    whole: bool,
}

impl Heard {
    pub(super) fn announced(bytes: u64) -> Self {
        Self(Arc::new(Mutex::new(File { announced: bytes, ..File::default() })))
    }

    fn file(&self) -> MutexGuard<'_, File> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn feed(&self, chunk: &[u8]) {
        let mut file = self.file();
        let lacks = WAV_HEAD.saturating_sub(file.head.len()).min(chunk.len());
        file.head.extend_from_slice(&chunk[..lacks]);
        file.bytes += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
    }

    /// All of the form has passed.
    pub(super) fn end(&self) {
        self.file().whole = true;
    }

    pub(super) fn is_whole(&self) -> bool {
        self.file().whole
    }

    /// About how long it is.
    pub(super) fn milliseconds(&self) -> i64 {
        let file = self.file();
        let head = u64::try_from(file.head.len()).unwrap_or(0);
        match byte_rate(&file.head) {
            Some(rate) => milliseconds(file.bytes - head, rate),
            None => milliseconds(file.bytes, USUAL_RATE),
        }
    }

    /// The longest that it can turn out to be.
    pub(super) fn at_most(&self) -> i64 {
        let file = self.file();
        let rate = byte_rate(&file.head).unwrap_or(LOWEST_RATE);
        milliseconds(file.announced.max(file.bytes), rate)
    }
}

fn milliseconds(bytes: u64, rate: u64) -> i64 {
    i64::try_from(bytes.saturating_mul(1_000).div_ceil(rate)).unwrap_or(i64::MAX)
}

/// Of a WAV file. One that claims to be slower than any is none.
fn byte_rate(head: &[u8]) -> Option<u64> {
    let is_wav = head.starts_with(b"RIFF") && head.get(8..16)? == b"WAVEfmt ";
    let rate = u32::from_le_bytes(*head.get(28..32)?.first_chunk()?);
    (is_wav && u64::from(rate) >= LOWEST_RATE).then_some(rate.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wav_file_is_measured_and_others_are_judged_by_their_size() {
        let mut wav = b"RIFF....WAVEfmt ............".to_vec();
        wav.extend(32_000_u32.to_le_bytes());
        wav.resize(WAV_HEAD + 48_000, 0);
        let heard = Heard::announced(100_000);
        for piece in wav.chunks(7) {
            heard.feed(piece);
        }
        assert_eq!((heard.milliseconds(), heard.at_most()), (1_500, 3_125));
        assert!(!heard.is_whole());
        heard.end();
        assert!(heard.is_whole());
        let other = Heard::default();
        other.feed(&vec![0xff; 32_000]);
        assert_eq!((other.milliseconds(), other.at_most()), (2_000, 16_000));
        // A byte rate of one would make a day of a second.
        wav[28..32].copy_from_slice(&1_u32.to_le_bytes());
        let liar = Heard::default();
        liar.feed(&wav);
        assert_eq!(liar.milliseconds(), 3_003);
    }
}
