//! Keys, which are any bytes, as text: nothing is lost, and nothing plays tricks on
//! terminals.

use std::fmt::Write;

/// What people see of the empty key. No other key is shown as this.
const EMPTY: &str = r#""""#;

/// The key's text, where it is text. Quotes, backslashes, control characters, and bytes that
/// are no UTF-8 (as `\xff`) are escaped.
pub fn escaped(key: &[u8]) -> String {
    let mut text = String::new();
    for chunk in key.utf8_chunks() {
        text.extend(chunk.valid().escape_debug());
        text.extend(chunk.invalid().escape_ascii().map(char::from));
    }
    text
}

/// What a table calls a key of which it has an escaped text, or no more than how that begins.
pub fn label(text: &str, is_whole: bool) -> String {
    let text = if text.is_empty() { EMPTY } else { text };
    let more = if is_whole { "" } else { "…" };
    format!("{text}{more}")
}

/// The same for people: the empty key can be seen.
pub fn shown(key: &[u8]) -> String {
    match escaped(key) {
        text if text.is_empty() => EMPTY.to_owned(),
        text => text,
    }
}

/// Two digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A string takes all that is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_shown_as_another_text() {
        let all = [
            (&b""[..], r#""""#),
            (b"\"\"", r#"\"\""#),
            ("ünï".as_bytes(), "ünï"),
            (b"a\xff\xfeb", r"a\xff\xfeb"),
            (br"\xff", r"\\xff"),
            (b"\x1b[2J\n", r"\u{1b}[2J\n"),
        ];
        for (key, text) in all {
            assert_eq!(shown(key), text);
        }
        assert_eq!(hex(b"\x00\xffa"), "00ff61");
    }
}
