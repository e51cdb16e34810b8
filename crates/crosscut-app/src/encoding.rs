//! [`Encoding`]: how the characters of a text are written as bytes, and their translation to UTF-8.
//!
//! `--encoding NAME` is about the examples, in every verb that reads them. Costs and templates may be
//! in that encoding or in UTF-8. Predictions and models are in UTF-8. The names are the labels of the
//! Encoding Standard (<https://encoding.spec.whatwg.org>): `latin-1` and `iso-8859-1` are read as
//! windows-1252, as browsers do, and a byte order mark of UTF-8 or UTF-16 counts more than the name.
//! Bytes that are no characters are refused with their line, except in the comments of svm-light
//! files.

use std::io::{self, Read};
use std::mem;

use encoding_rs::{Decoder, DecoderResult, UTF_8, UTF_16LE};

use crate::error::Error;
use crate::options::{OptionSpec, Options};

/// `--encoding`, an option of every task, for every verb that reads examples.
pub const OPTION: OptionSpec = OptionSpec {
    name: "encoding",
    value: "NAME",
    help: "The encoding of the examples, such as latin-1, shift_jis or utf-16le. Predictions are \
           written in UTF-8. Default: utf-8, or UTF-16 if there is a byte order mark.",
};

/// The encoding of a text: UTF-8 by default, or UTF-16 if the text begins with its byte order mark.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Encoding(Option<&'static encoding_rs::Encoding>);

impl Encoding {
    /// The encoding that the [option](OPTION) names.
    ///
    /// # Errors
    /// [`Error::Option`] for an unknown name.
    pub fn of(options: &Options) -> Result<Self, Error> {
        let Some(name) = options.text(OPTION.name) else { return Ok(Self::default()) };
        let expected =
            "the name of an encoding, such as utf-8, latin-1, windows-1252, utf-16le, shift_jis";
        Self::named(name).ok_or_else(|| Error::option("--encoding", expected, name))
    }

    /// The encoding of this name, in small or capital letters: a label of the Encoding Standard, or
    /// one with other hyphens (`latin-1`).
    pub fn named(name: &str) -> Option<Self> {
        let bare: String = name.chars().filter(|letter| !"-_ ".contains(*letter)).collect();
        let found = [name, &bare]
            .into_iter()
            .find_map(|name| encoding_rs::Encoding::for_label_no_replacement(name.as_bytes()))?;
        Some(Self(Some(found).filter(|&found| found != UTF_8)))
    }

    /// The name for messages.
    pub fn name(self) -> &'static str {
        self.0.unwrap_or(UTF_8).name()
    }

    /// Why bytes are refused that are no characters.
    pub(crate) fn refusal(self) -> String {
        let hint = match self.0 {
            None => ": --encoding names another encoding, such as latin-1",
            Some(_) => "",
        };
        format!("expected text in {}, found other bytes{hint}", self.name())
    }
}

/// The bytes of a text in UTF-8. Bytes that are no characters become [`Decoded::BAD`], which is not
/// UTF-8 either, so that whoever reads the lines finds the bad one.
pub(crate) struct Decoded<R> {
    reader: R,
    encoding: Encoding,
    state: State,
    /// Bytes read, from `at` on not yet decoded.
    raw: Vec<u8>,
    at: usize,
    /// Text decoded, from `shown` on not yet returned.
    text: Vec<u8>,
    shown: usize,
}

enum State {
    /// Nothing has been read.
    Begin,
    /// The text is in UTF-8.
    Plain,
    Decoding(Box<Decoder>),
    Ended,
}

impl<R: Read> Decoded<R> {
    /// A byte that is in no text in UTF-8.
    const BAD: u8 = 0xff;
    /// Bytes read at a time.
    const BLOCK: u64 = 64 << 10;

    pub fn new(reader: R, encoding: Encoding) -> Self {
        let (raw, text) = (Vec::new(), Vec::new());
        Self { reader, encoding, state: State::Begin, raw, at: 0, text, shown: 0 }
    }

    /// Reads the byte order mark, if there is one.
    fn begin(&mut self) -> io::Result<State> {
        self.reader.by_ref().take(2).read_to_end(&mut self.raw)?;
        let is_utf16 = self.raw == [0xff, 0xfe] || self.raw == [0xfe, 0xff];
        Ok(match self.encoding.0.or(is_utf16.then_some(UTF_16LE)) {
            // A byte order mark counts more than the name.
            Some(encoding) => State::Decoding(Box::new(encoding.new_decoder())),
            None => {
                mem::swap(&mut self.raw, &mut self.text);
                State::Plain
            }
        })
    }

    /// Decodes what has been read, or reads more.
    fn fill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.shown = 0;
        let State::Decoding(decoder) = &mut self.state else { return Ok(()) };
        let mut ended = false;
        if self.at == self.raw.len() {
            self.raw.clear();
            self.at = 0;
            self.raw.resize(Self::BLOCK as usize, 0);
            let read = loop {
                match self.reader.read(&mut self.raw) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read,
                }
            };
            self.raw.truncate(*read.as_ref().unwrap_or(&0));
            ended = read? == 0;
        }
        loop {
            let rest = &self.raw[self.at..];
            let most = decoder.max_utf8_buffer_length_without_replacement(rest.len());
            let start = self.text.len();
            // More than the estimate: that of encoding_rs 0.8.35 lacks room for a U+0000 that is kept
            // back, so that the decoder would never go on.
            self.text.resize(start + most.unwrap_or(8 * rest.len()) + 64, 0);
            let (result, read, written) =
                decoder.decode_to_utf8_without_replacement(rest, &mut self.text[start..], ended);
            self.at += read;
            self.text.truncate(start + written);
            match result {
                DecoderResult::Malformed(..) => self.text.push(Self::BAD),
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
            }
        }
        if ended {
            self.state = State::Ended;
        }
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if matches!(self.state, State::Begin) {
            self.state = self.begin()?;
        }
        while self.shown == self.text.len() {
            match self.state {
                State::Begin | State::Plain => return self.reader.read(buffer),
                State::Ended => return Ok(0),
                State::Decoding(_) => self.fill()?,
            }
        }
        let shown = buffer.len().min(self.text.len() - self.shown);
        buffer[..shown].copy_from_slice(&self.text[self.shown..][..shown]);
        self.shown += shown;
        Ok(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of bytes that are read so many at a time.
    fn decode(bytes: &[u8], encoding: &str, step: usize) -> Vec<u8> {
        let pieces =
            bytes.chunks(step).fold(Box::new(io::empty()) as Box<dyn Read>, |before, piece| {
                Box::new(before.chain(piece))
            });
        let mut text = Vec::new();
        let encoding = Encoding::named(encoding).unwrap();
        Decoded::new(pieces, encoding).read_to_end(&mut text).unwrap();
        text
    }

    #[test]
    fn text_is_the_same_however_its_bytes_come() {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let big = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
        let table: [(Vec<u8>, &str, &[u8]); 15] = [
            (b"caf\xe9 \x93\n".to_vec(), "latin-1", "café “\n".as_bytes()),
            (b"caf\xe9".to_vec(), "ISO-8859-1", "café".as_bytes()),
            (b"\xe9\x80".to_vec(), "windows-1252", "é€".as_bytes()),
            (b"\xa4".to_vec(), "iso8859_15", "€".as_bytes()),
            (b"\x93\xfa\x96{".to_vec(), "shift_jis", "日本".as_bytes()),
            (b"\x93\n1".to_vec(), "shift_jis", b"\xff\n1"),
            (utf16("a\r\né𝄞\n"), "utf-16le", "a\r\né𝄞\n".as_bytes()),
            (utf16("\u{feff}aé"), "utf-8", "aé".as_bytes()),
            (big("\u{feff}aé"), "utf-8", "aé".as_bytes()),
            ([utf16("\u{feff}a"), vec![9]].concat(), "utf8", b"a\xff"),
            ("\u{feff}é".as_bytes().to_vec(), "latin1", "é".as_bytes()),
            ("é\n".as_bytes().to_vec(), "utf-8", "é\n".as_bytes()),
            (b"\xff".to_vec(), "utf-8", b"\xff"),
            (b"\0\xd8\0\0a\0".to_vec(), "utf-16le", b"\xff\0a"),
            (Vec::new(), "latin-1", b""),
        ];
        for (bytes, encoding, text) in table {
            for step in 1..8 {
                assert_eq!(decode(&bytes, encoding, step), text, "{bytes:?} {encoding} {step}");
            }
        }
        let long = b"\xe9".repeat(1_000_000);
        assert!(decode(&long, "latin-1", 100_000) == "é".repeat(1_000_000).as_bytes());
    }

    #[test]
    fn unknown_names_are_refused() {
        for name in ["", "latin", "utf-7", "replacement", "iso-2022-kr", "é"] {
            assert_eq!(Encoding::named(name), None, "{name}");
        }
        assert_eq!(Encoding::named("UTF8"), Some(Encoding::default()));
    }
}
