//! A file beside the database: each call is appended before it is queued, and read again after a crash.
//!
//! Nothing is synced: a killed process loses nothing, since the kernel keeps what was written. A file is locked as
//! long as its process lives, and deleted once all of its rows are in the database.
use crate::model::{Charge, ChargeId};
use std::{
    collections::VecDeque,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A file that has grown so far is followed by the next.
const LONG: u64 = 4 << 20;

/// Another process cannot share a file: its name holds the process's own number.
pub(super) struct Journal {
    folder: PathBuf,
    /// The database's and the process's.
    name: String,
    files: Mutex<Files>,
}

#[derive(Default)]
struct Files {
    /// The newest last; rows go there.
    open: VecDeque<Open>,
    count: u64,
}

struct Open {
    path: PathBuf,
    file: File,
    number: u64,
    length: u64,
    /// Rows that are not in the database yet.
    waiting: usize,
    /// The last line may lack its end.
    torn: bool,
}

/// In which file a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(u64);

impl Journal {
    /// `database` tells the files of one database from another's.
    pub(super) fn open(folder: &Path, database: &str, process: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let name = format!("{database}-{process:016x}");
        let journal = Self { folder: folder.to_owned(), name, files: Mutex::default() };
        let first = journal.next(&mut journal.files());
        first.map(|()| journal)
    }

    /// Rows that a process which is gone has left behind, file by file.
    pub(super) fn left_behind(&self, database: &str) -> io::Result<Vec<Left>> {
        let mut left = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let is_whole = path.extension().is_some_and(|ending| ending == "rows");
            let ours = name.starts_with(&format!("{database}-")) && is_whole;
            if !ours || name.starts_with(&self.name) {
                continue;
            }
            let file = OpenOptions::new().read(true).append(true).open(&path)?;
            if file.try_lock().is_ok() {
                left.push(Left { path, file });
            }
        }
        left.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(left)
    }

    /// Appends a row. `None`: it could not be, and lives in memory only until it is in the database.
    pub(super) fn append(&self, id: &ChargeId, charge: &Charge) -> Option<Place> {
        match self.try_append(id, charge) {
            Ok(place) => Some(place),
            Err(error) => {
                let folder = self.folder.display();
                tracing::error!(%error, %folder, "the journal cannot be written: a crash would lose usage");
                None
            }
        }
    }

    fn try_append(&self, id: &ChargeId, charge: &Charge) -> io::Result<Place> {
        let mut line = Vec::with_capacity(512);
        line.push(b'\n');
        serde_json::to_writer(&mut line, &(id, charge))?;
        line.push(b'\n');
        let mut files = self.files();
        if files.open.back().is_none_or(|last| last.length >= LONG) {
            self.next(&mut files)?;
        }
        let last = files.open.back_mut().ok_or_else(|| io::Error::other("no file"))?;
        let line = if last.torn { &line[..] } else { &line[1..] };
        last.torn = true;
        last.file.write_all(line)?;
        last.torn = false;
        last.length += u64::try_from(line.len()).unwrap_or(LONG);
        last.waiting += 1;
        Ok(Place(last.number))
    }

    /// A row is in the database.
    pub(super) fn written(&self, places: impl Iterator<Item = Place>) {
        let mut files = self.files();
        for place in places {
            if let Some(open) = files.open.iter_mut().find(|open| open.number == place.0) {
                open.waiting = open.waiting.saturating_sub(1);
            }
        }
        while let Some(first) = files.open.front()
            && first.waiting == 0
        {
            if files.open.len() == 1 {
                break;
            }
            remove(&first.path);
            files.open.pop_front();
        }
        // One that is long and done with begins anew.
        if let [only] = files.open.make_contiguous()
            && only.waiting == 0
            && only.length >= LONG / 4
            && only.file.set_len(0).is_ok()
        {
            only.length = 0;
        }
    }

    fn next(&self, files: &mut Files) -> io::Result<()> {
        files.count += 1;
        let path = self.folder.join(format!("{}-{:06}.rows", self.name, files.count));
        // Under its name only once it is locked: nobody takes it for left behind.
        let unlocked = path.with_extension("new");
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&unlocked)?;
        file.try_lock()?;
        fs::rename(&unlocked, &path)?;
        let number = files.count;
        files.open.push_back(Open { path, file, number, length: 0, waiting: 0, torn: false });
        Ok(())
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Journal {
    /// What holds rows stays for the next start.
    fn drop(&mut self) {
        let files = self.files.get_mut().unwrap_or_else(PoisonError::into_inner);
        for open in files.open.iter().filter(|open| open.waiting == 0) {
            remove(&open.path);
        }
    }
}

/// A file of a process that is gone; ours while this is kept.
pub(super) struct Left {
    path: PathBuf,
    file: File,
}

impl Left {
    /// What can be read of it: a line that broke off was never answered for.
    pub(super) fn rows(&self) -> io::Result<Vec<(ChargeId, Charge)>> {
        let mut rows = Vec::new();
        for line in BufReader::new(&self.file).split(b'\n') {
            let line = line?;
            match serde_json::from_slice(&line) {
                Ok(row) => rows.push(row),
                Err(_) if line.is_empty() => {}
                Err(error) => {
                    let file = self.path.display();
                    tracing::warn!(%error, %file, "a line of the journal cannot be read; it is left out");
                }
            }
        }
        Ok(rows)
    }

    pub(super) fn path(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    /// All of it is in the database.
    pub(super) fn done(self) {
        remove(&self.path);
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(%error, file = %path.display(), "a file of the journal could not be deleted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KeyId, Labels, NanoDollars, Timestamp, Tokens, Units, UserId};

    fn charge(output: i64) -> Charge {
        Charge {
            at: Timestamp(1_800_000_000),
            request: "r".into(),
            key: KeyId::named("key_a"),
            user: UserId::named("user_a"),
            team: None,
            app: String::new(),
            model: "m".into(),
            route: "/v1/responses".into(),
            tokens: Tokens { input: 1, output, ..Tokens::default() },
            units: Units { images: 2, ..Units::default() },
            cost: Some(NanoDollars(5)),
            price: Some("p".into()),
            estimated: false,
            aborted: true,
            failed: false,
            ledgers: Vec::new(),
            labels: Labels { tags: vec!["t".into()], end_user: Some("u".into()) },
            answer: Some(("u".into(), "resp_1".into())),
        }
    }

    fn id(count: u64) -> ChargeId {
        ChargeId::new(Timestamp(1_800_000_000), count, 7)
    }

    #[test]
    fn what_a_dead_process_left_is_read_by_the_next_and_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let open = |database, process| Journal::open(folder.path(), database, process).unwrap();
        let (first, other) = (open("one", 1), open("two", 2));
        first.append(&id(1), &charge(1)).unwrap();
        other.append(&id(2), &charge(2)).unwrap();
        let next = open("one", 3);
        assert!(next.left_behind("one").unwrap().is_empty(), "the first is alive");
        drop((first, other));
        let left = next.left_behind("one").unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].rows().unwrap(), [(id(1), charge(1))]);
        assert!(next.left_behind("one").unwrap().is_empty(), "ours as long as it is kept");
        left.into_iter().for_each(Left::done);
        assert!(next.left_behind("one").unwrap().is_empty());
        assert_eq!(next.left_behind("two").unwrap().len(), 1);
    }

    #[test]
    fn a_line_that_broke_off_takes_no_other_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), "one", 1).unwrap();
        journal.append(&id(1), &charge(1)).unwrap();
        {
            let mut files = journal.files();
            let last = files.open.back_mut().unwrap();
            last.file.write_all(b"[\"torn").unwrap();
            last.torn = true;
        }
        journal.append(&id(2), &charge(2)).unwrap();
        drop(journal);
        let left = Journal::open(folder.path(), "one", 2).unwrap().left_behind("one").unwrap();
        assert_eq!(left[0].rows().unwrap(), [(id(1), charge(1)), (id(2), charge(2))]);
    }

    #[test]
    fn a_file_goes_when_its_rows_are_written_and_a_long_one_is_followed_by_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let files = || fs::read_dir(folder.path()).unwrap().count();
        let journal = Journal::open(folder.path(), "one", 1).unwrap();
        let mut places = Vec::new();
        let mut count = 0;
        while places.last().is_none_or(|place| *place == Place(1)) {
            count += 1;
            places.push(journal.append(&id(count), &charge(1)).unwrap());
        }
        assert_eq!(files(), 2);
        let last = places.pop().unwrap();
        journal.written(places.into_iter());
        assert_eq!(files(), 1, "the first is done with");
        journal.written([last].into_iter());
        drop(journal);
        assert_eq!(files(), 0);
    }
}
