//! One setting at a time: where it stands, what it means, and what is wrong with it.
use super::{Problems, Sources, setting::FromSetting};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
};
use toml_edit::{Document, Item, Table, Value};

const DEFAULT_FILE: &str = "gatekey.toml";

/// What is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub place: String,
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// A value as it was written, and where.
pub(super) struct Found {
    pub(super) raw: Raw,
    place: String,
}

pub(super) enum Raw {
    Text(String),
    Integer(i64),
    Bool(bool),
    List(Vec<String>),
    Other,
}

pub(super) struct Reader {
    pub(super) environment: BTreeMap<String, String>,
    pub(super) folder: PathBuf,
    file: String,
    document: Document<String>,
    problems: Vec<(usize, Problem)>,
    pub(super) warnings: Vec<String>,
    used: BTreeSet<String>,
    /// Variables that a setting reads as `env:NAME`.
    referenced: BTreeSet<String>,
    sections: BTreeSet<&'static str>,
}

/// A table of the file. Each setting is taken once; what is left at the end is unknown.
pub(super) struct Section {
    pub(super) name: String,
    /// Whether `GATEKEY_NAME_KEY` may say it too.
    from_environment: bool,
    settings: BTreeMap<String, (Item, usize)>,
    known: Vec<&'static str>,
    line: usize,
    /// Where each setting that was found stands.
    places: BTreeMap<&'static str, String>,
}

impl Reader {
    pub(super) fn open(sources: &Sources) -> Result<Self, Problem> {
        let (file, text, folder) = match &sources.text {
            Some((text, folder)) => ("built-in settings".into(), text.clone(), folder.clone()),
            None => read(sources.file.as_deref())?,
        };
        let document = Document::parse(text.clone()).map_err(|error| {
            let line = line_of(&text, error.span().map_or(0, |span| span.start));
            let text = error.message().trim().to_owned();
            Problem { place: format!("{file}:{line}"), text }
        })?;
        let values = sources.environment.values().map(String::as_str);
        let referenced = std::iter::once(text.as_str())
            .chain(values.filter(|value| value.starts_with("env:")))
            .flat_map(|text| text.split("env:").skip(1))
            .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
            .collect();
        Ok(Self {
            environment: sources.environment.clone(),
            folder,
            file,
            document,
            problems: Vec::new(),
            warnings: Vec::new(),
            used: BTreeSet::new(),
            referenced,
            sections: BTreeSet::new(),
        })
    }

    pub(super) fn section(&mut self, name: &'static str) -> Section {
        self.sections.insert(name);
        let table = match self.document.get(name) {
            None => None,
            Some(Item::Table(table)) => Some(table.clone()),
            Some(Item::Value(Value::InlineTable(table))) => Some(table.clone().into_table()),
            Some(item) => {
                let line = self.line(item.span());
                self.problem(line, name, "must be a table: write a line [".to_owned() + name + "]");
                None
            }
        };
        let settings = table.map(|table| self.settings(&table)).unwrap_or_default();
        Section {
            name: name.into(),
            from_environment: true,
            settings,
            known: Vec::new(),
            line: 0,
            places: BTreeMap::new(),
        }
    }

    /// A table of a table: `[model.price]`.
    pub(super) fn table(&mut self, section: &mut Section, key: &'static str) -> Option<Section> {
        section.known.push(key);
        let (item, line) = section.settings.get(key)?.clone();
        let name = format!("{}.{key}", section.name);
        let table = match item {
            Item::Table(table) => table,
            Item::Value(Value::InlineTable(table)) => table.into_table(),
            _ => {
                self.problem(line, &name, format!("must be a table: write [{name}]"));
                return None;
            }
        };
        let settings = self.settings(&table);
        let (known, places) = (Vec::new(), BTreeMap::new());
        Some(Section { name, from_environment: false, settings, known, line, places })
    }

    /// The tables `[[name]]`, in order.
    pub(super) fn tables(&mut self, name: &'static str) -> Vec<Section> {
        self.sections.insert(name);
        let tables: Vec<Table> = match self.document.get(name) {
            None => Vec::new(),
            Some(Item::ArrayOfTables(tables)) => tables.iter().cloned().collect(),
            // `idp = []` counts as set; `model = [{ … }]` is the same as tables.
            Some(Item::Value(Value::Array(array)))
                if array.iter().all(|value| value.as_inline_table().is_some()) =>
            {
                let tables = array.iter().filter_map(Value::as_inline_table);
                tables.map(|table| table.clone().into_table()).collect()
            }
            Some(item) => {
                let line = self.line(item.span());
                self.problem(line, name, format!("must be tables: write [[{name}]]"));
                Vec::new()
            }
        };
        let section = |table: &Table| Section {
            name: name.into(),
            from_environment: false,
            settings: self.settings(table),
            known: Vec::new(),
            line: self.line(table.span()),
            places: BTreeMap::new(),
        };
        tables.iter().map(section).collect()
    }

    /// Whether the file has such tables at all; an empty list counts as set.
    pub(super) fn has(&self, name: &str) -> bool {
        self.document.contains_key(name)
    }

    fn settings(&self, table: &Table) -> BTreeMap<String, (Item, usize)> {
        let line = |key: &str| {
            let span = table.key(key).and_then(toml_edit::Key::span);
            self.line(span)
        };
        table.iter().map(|(key, item)| (key.to_owned(), (item.clone(), line(key)))).collect()
    }

    /// The value of a variable of LiteLLM's, if it has one that is not empty.
    pub(super) fn litellm(&mut self, name: &str) -> Option<String> {
        self.used.insert(name.to_owned());
        self.environment.get(name).filter(|value| !value.is_empty()).cloned()
    }

    pub(super) fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    pub(super) fn problem(&mut self, line: usize, setting: &str, text: impl fmt::Display) {
        let place = if line == 0 { self.file.clone() } else { format!("{}:{line}", self.file) };
        let text = format!("{setting} {text}").trim_start().to_owned();
        let problem = Problem { place, text };
        self.problems.push((line, problem));
    }

    fn line(&self, span: Option<std::ops::Range<usize>>) -> usize {
        span.map_or(0, |span| line_of(self.document.raw(), span.start))
    }

    /// What nobody asked for is a mistake in the file, and a warning in the environment.
    pub(super) fn finish(mut self) -> Result<Vec<String>, Problems> {
        let unknown: Vec<(String, usize)> = self
            .document
            .iter()
            .filter(|(name, _)| !self.sections.contains(name))
            .map(|(name, item)| (name.to_owned(), self.line(item.span())))
            .collect();
        for (name, line) in unknown {
            let known = self.sections.iter().copied().collect::<Vec<_>>();
            let text = format!("is not a section{}", meant(&name, &known, ""));
            self.problem(line.max(1), &name, text);
        }
        let strange: Vec<_> = self
            .environment
            .keys()
            .filter(|name| name.starts_with("GATEKEY_") && !self.used.contains(*name))
            .filter(|name| !self.referenced.contains(*name))
            .filter(|name| !name.starts_with("GATEKEY_TEST_"))
            .cloned()
            .collect();
        if !strange.is_empty() {
            self.warn(format!("not a setting, ignored: {}", strange.join(", ")));
        }
        self.problems.sort_by_key(|(line, _)| *line);
        let problems: Vec<_> = self.problems.into_iter().map(|(_, problem)| problem).collect();
        if problems.is_empty() { Ok(self.warnings) } else { Err(Problems(problems)) }
    }
}

/// The file's name, its text, and the folder it is in.
fn read(named: Option<&Path>) -> Result<(String, String, PathBuf), Problem> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    let file = path.display().to_string();
    let folder = path.parent().unwrap_or_else(|| Path::new("")).to_owned();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((file, text, folder)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
            Ok((file, String::new(), folder))
        }
        Err(error) => {
            let text = format!("cannot be read: {error}; name another with --config");
            Err(Problem { place: file, text })
        }
    }
}

impl Section {
    /// A setting, from the environment or the file. A wrong one is reported and counts as unset.
    pub(super) fn get<T: FromSetting>(
        &mut self,
        reader: &mut Reader,
        key: &'static str,
    ) -> Option<T> {
        self.get_or(reader, key, None)
    }

    /// The same; LiteLLM's name for it fills in what is unset.
    pub(super) fn get_or<T: FromSetting>(
        &mut self,
        reader: &mut Reader,
        key: &'static str,
        litellm: Option<&str>,
    ) -> Option<T> {
        self.known.push(key);
        let found = self.find(reader, key, litellm)?;
        let (place, folder) = (found.place.clone(), reader.folder.clone());
        self.places.insert(key, place.clone());
        match T::from_setting(found.raw, &folder, &reader.environment) {
            Ok(value) => Some(value),
            Err(text) => {
                let line = self.line_of(key);
                let text = format!("{}.{key} {text}", self.name);
                reader.problems.push((line, Problem { place, text }));
                None
            }
        }
    }

    fn find(&self, reader: &mut Reader, key: &str, litellm: Option<&str>) -> Option<Found> {
        let variable = format!("GATEKEY_{}_{}", self.name, key).to_ascii_uppercase();
        let other = litellm.and_then(|name| Some((name, reader.litellm(name)?)));
        let own = self.from_environment.then(|| {
            reader.used.insert(variable.clone());
            reader.environment.get(&variable).cloned()
        });
        let stands = self.settings.get(key);
        let found = match (own.flatten(), stands) {
            (Some(text), _) => Some(Found { raw: Raw::Text(text), place: variable }),
            (None, Some((item, line))) => {
                Some(Found { raw: Raw::of(item), place: format!("{}:{line}", reader.file) })
            }
            (None, None) => None,
        };
        match (found, other) {
            (Some(found), Some((name, _))) if !reader.referenced.contains(name) => {
                let setting = &self.name;
                reader.warn(format!("{name} is ignored: {setting}.{key} is set ({})", found.place));
                Some(found)
            }
            (None, Some((name, text))) => {
                Some(Found { raw: Raw::Text(text), place: name.to_owned() })
            }
            (found, _) => found,
        }
    }

    /// A setting without which the table means nothing.
    pub(super) fn need<T: FromSetting>(
        &mut self,
        reader: &mut Reader,
        key: &'static str,
        example: &str,
    ) -> Option<T> {
        let stands = self.settings.contains_key(key);
        let value = self.get(reader, key);
        if !stands && value.is_none() {
            let setting = format!("{}.{key}", self.name);
            reader.problem(
                self.line,
                &setting,
                format!("is missing; for example {key} = {example}"),
            );
        }
        value
    }

    pub(super) fn wrong(&self, reader: &mut Reader, key: &str, text: impl fmt::Display) {
        let line = self.line_of(key);
        let text = format!("{}.{key} {text}", self.name);
        match self.places.get(key) {
            Some(place) => {
                reader.problems.push((line, Problem { place: place.clone(), text }));
            }
            None => reader.problem(line, "", text),
        }
    }

    /// Where the table begins, for what is wrong with it as a whole.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// Whether a setting came from LiteLLM's name for it.
    pub(super) fn came_from(&self, key: &str, variable: &str) -> bool {
        self.places.get(key).is_some_and(|place| place == variable)
    }

    /// After the last setting was taken.
    pub(super) fn done(self, reader: &mut Reader) {
        for (key, (_, line)) in &self.settings {
            if !self.known.contains(&key.as_str()) {
                let prefix = format!("{}.", self.name);
                let text = format!("is not a setting{}", meant(key, &self.known, &prefix));
                reader.problem(*line, &format!("{prefix}{key}"), text);
            }
        }
    }

    fn line_of(&self, key: &str) -> usize {
        self.settings.get(key).map_or(self.line, |(_, line)| *line)
    }
}

impl Raw {
    fn of(item: &Item) -> Self {
        match item {
            Item::Value(Value::String(text)) => Self::Text(text.value().clone()),
            Item::Value(Value::Integer(number)) => Self::Integer(*number.value()),
            Item::Value(Value::Boolean(yes)) => Self::Bool(*yes.value()),
            Item::Value(Value::Array(values)) => {
                let text = |value: &Value| {
                    let number = value.as_integer().map(|number| number.to_string());
                    value.as_str().map(str::to_owned).or(number)
                };
                let texts = values.iter().map(text);
                texts.collect::<Option<_>>().map_or(Self::Other, Self::List)
            }
            _ => Self::Other,
        }
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes().iter().take(at).filter(|&&b| b == b'\n').count()
}

/// `; did you mean server.listen?`
fn meant(word: &str, known: &[&str], prefix: &str) -> String {
    let near = known.iter().map(|name| (strsim::jaro_winkler(word, name), name));
    match near.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((score, name)) if score > 0.8 => format!("; did you mean {prefix}{name}?"),
        _ => "; examples/gatekey.toml shows all there are".to_owned(),
    }
}
