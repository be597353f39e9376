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
    /// Of this file; of all of the form; and how long those before it were.
    bytes: u64,
    all: u64,
    before: i64,
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

    /// Another file.
    pub(super) fn begins(&self) {
        let mut file = self.file();
        file.before = file.before.saturating_add(file.milliseconds());
        (file.head, file.bytes) = (Vec::new(), 0);
    }

    pub(super) fn feed(&self, chunk: &[u8]) {
        let mut file = self.file();
        let lacks = WAV_HEAD.saturating_sub(file.head.len()).min(chunk.len());
        file.head.extend_from_slice(&chunk[..lacks]);
        let more = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        (file.bytes, file.all) = (file.bytes.saturating_add(more), file.all.saturating_add(more));
    }

    /// All of the form has passed.
    pub(super) fn end(&self) {
        self.file().whole = true;
    }

    pub(super) fn is_whole(&self) -> bool {
        self.file().whole
    }

    /// About how long they are.
    pub(super) fn milliseconds(&self) -> i64 {
        let file = self.file();
        file.before.saturating_add(file.milliseconds())
    }

    /// The longest that they can turn out to be.
    pub(super) fn at_most(&self) -> i64 {
        let file = self.file();
        let rate = byte_rate(&file.head).unwrap_or(LOWEST_RATE);
        milliseconds(file.announced.max(file.all), rate)
    }
}

impl File {
    fn milliseconds(&self) -> i64 {
        let head = u64::try_from(self.head.len()).unwrap_or(0);
        match byte_rate(&self.head) {
            Some(rate) => milliseconds(self.bytes - head, rate),
            None => milliseconds(self.bytes, USUAL_RATE),
        }
    }
}

fn milliseconds(bytes: u64, rate: u64) -> i64 {
    i64::try_from(bytes.saturating_mul(1_000).div_ceil(rate)).unwrap_or(i64::MAX)
}

/// Of a WAV file with plain samples, as those are counted; what it claims beside that counts for nothing.
fn byte_rate(head: &[u8]) -> Option<u64> {
    const PCM: u16 = 1;
    let two = |at: usize| Some(u16::from_le_bytes(*head.get(at..at + 2)?.first_chunk()?));
    let is_wav = head.starts_with(b"RIFF") && head.get(8..16)? == b"WAVEfmt ";
    let (format, channels, bits) = (two(20)?, two(22)?, two(34)?);
    let samples = u32::from_le_bytes(*head.get(24..28)?.first_chunk()?);
    let rate = u64::from(samples) * u64::from(channels) * u64::from(bits) / 8;
    let sensible =
        (4_000..=192_000).contains(&samples) && (1..=8).contains(&channels) && bits <= 32;
    (is_wav && format == PCM && sensible && rate >= LOWEST_RATE).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wav_file_is_measured_and_others_are_judged_by_their_size() {
        let mut wav = b"RIFF....WAVEfmt ....\x01\0\x01\0".to_vec();
        wav.extend(16_000_u32.to_le_bytes());
        // What it claims of bytes a second is nobody's.
        wav.extend(u32::MAX.to_le_bytes());
        wav.extend(b"\x02\0\x10\0");
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
        // A second file is measured by its own head.
        heard.begins();
        heard.feed(&vec![0xff; 32_000]);
        assert_eq!(heard.milliseconds(), 3_500);
        for (at, odd) in [(20, 85), (22, 0), (34, 0), (34, 255), (26, 255)] {
            let mut liar = wav.clone();
            liar[at] = odd;
            let heard = Heard::default();
            heard.feed(&liar);
            assert_eq!(heard.milliseconds(), 3_003, "byte {at}");
        }
    }
}
