//! Tables of keys: a preset over the defaults, a file over that, pairs over all, and the nearest
//! key for one that does not exist.

use std::path::Path;

use toml::{Table, Value};

use super::{ConfigError, DEFAULTS, PRESETS};
use crate::system::files::read_at_most;

/// The largest config file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// The table of a preset.
pub(super) fn preset(name: &str) -> Result<Table, ConfigError> {
    let names = PRESETS.map(|(name, _)| name);
    let (_, text) = PRESETS
        .iter()
        .find(|(preset, _)| *preset == name)
        .ok_or_else(|| ConfigError::UnknownPreset {
            name: name.to_owned(),
            presets: names.join(", "),
        })?;
    let mut table = parse(DEFAULTS, "defaults.toml")?;
    merge(&mut table, parse(text, name)?, "", name)?;
    Ok(table)
}

/// A file over the preset that it names.
pub(super) fn with_file(path: &Path) -> Result<Table, ConfigError> {
    let origin = path.display().to_string();
    let bytes = read_at_most(path, MAX_FILE)?;
    let text = String::from_utf8(bytes).map_err(|error| ConfigError::Syntax {
        origin: origin.clone(),
        reason: error.to_string(),
    })?;
    let mut file = parse(&text, &origin)?;
    let base = match file.remove("preset") {
        None => PRESETS[0].0.to_owned(),
        Some(Value::String(name)) => name,
        Some(other) => other.to_string(),
    };
    let mut table = preset(&base)?;
    merge(&mut table, file, "", &origin)?;
    Ok(table)
}

/// TOML text as a table.
fn parse(text: &str, origin: &str) -> Result<Table, ConfigError> {
    text.parse()
        .map_err(|error: toml::de::Error| ConfigError::Syntax {
            origin: origin.to_owned(),
            reason: one_line(&error.to_string()),
        })
}

/// Puts the values of `over` in the place of those of `table`, which has every valid key.
fn merge(table: &mut Table, over: Table, prefix: &str, origin: &str) -> Result<(), ConfigError> {
    for (key, value) in over {
        let path = format!("{prefix}{key}");
        match (table.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(over)) => {
                merge(inner, over, &format!("{path}."), origin)?
            }
            (Some(known), value) => *known = as_kind(known, value),
            (None, _) => return Err(unknown(&path, origin)),
        }
    }
    Ok(())
}

/// Sets one key with dots to a value written as in TOML, or bare where the key takes text.
pub(super) fn set(
    table: &mut Table,
    key: &str,
    value: &str,
    origin: &str,
) -> Result<(), ConfigError> {
    let mut parts = key.split('.');
    let first = parts.next().unwrap_or_default();
    let mut place = table.get_mut(first);
    for part in parts {
        place = place
            .and_then(Value::as_table_mut)
            .and_then(|table| table.get_mut(part));
    }
    let place = place
        .filter(|place| !place.is_table())
        .ok_or_else(|| unknown(key, origin))?;
    let new = if place.is_str() {
        Value::String(value.to_owned())
    } else {
        let mut parsed = parse(&format!("value = {value}"), origin)?;
        match (parsed.remove("value"), parsed.is_empty()) {
            (Some(value), true) => value,
            _ => {
                return Err(ConfigError::Syntax {
                    origin: origin.to_owned(),
                    reason: "expected one value".to_owned(),
                });
            }
        }
    };
    *place = as_kind(place, new);
    Ok(())
}

/// `1` is a valid way to write `1.0` where a float is expected.
fn as_kind(known: &Value, value: Value) -> Value {
    match (known, value) {
        (Value::Float(_), Value::Integer(whole)) => Value::Float(whole as f64),
        (_, value) => value,
    }
}

/// The error for a key that is not there, with the nearest that are.
fn unknown(key: &str, origin: &str) -> ConfigError {
    let mut keys = Vec::new();
    if let Ok(table) = parse(DEFAULTS, "defaults.toml") {
        collect(&table, "", &mut keys);
    }
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    // The whole key may be misspelt, its table may be missing, or it may be a table's name alone.
    let distance = |valid: &String| {
        let missing_table = distance(&last(valid), &last(key)) + usize::from(valid != key);
        let table_alone = if valid.starts_with(&format!("{key}.")) {
            1
        } else {
            usize::MAX
        };
        distance(valid, key).min(missing_table).min(table_alone)
    };
    keys.sort_by_cached_key(|valid| (distance(valid), valid.clone()));
    let near: Vec<String> = keys.iter().take(3).map(|key| format!("`{key}`")).collect();
    ConfigError::UnknownKey {
        origin: origin.to_owned(),
        key: key.to_owned(),
        hint: format!("did you mean {}?", near.join(", ")),
    }
}

/// Every key with its dots.
fn collect(table: &Table, prefix: &str, keys: &mut Vec<String>) {
    for (key, value) in table {
        match value {
            Value::Table(inner) => collect(inner, &format!("{prefix}{key}."), keys),
            _ => keys.push(format!("{prefix}{key}")),
        }
    }
}

/// Edit distance (Levenshtein) between two keys, each taken up to 64 characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// A parser's message without its line breaks.
pub(super) fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
