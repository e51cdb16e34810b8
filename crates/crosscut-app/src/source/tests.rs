//! Tests of [`Source`].

use std::io::Write;

use bzip2::write::BzEncoder;
use flate2::write::GzEncoder;
use lzma_rust2::{LzmaOptions, LzmaWriter, XzOptions, XzWriter};
use proptest::prelude::*;

use super::*;

fn keep(line: &str) -> Result<Option<String>, String> {
    match line {
        "" => Ok(None),
        "bad" => Err("expected good".to_owned()),
        line => Ok(Some(line.to_owned())),
    }
}

fn lines(bytes: &[u8]) -> Result<Vec<String>, String> {
    let source = Source::new("f".to_owned(), Box::new(bytes));
    source.parse_lines(keep).map_err(|error| error.to_string())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut packer = BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut packer = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).unwrap();
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn lzma(bytes: &[u8]) -> Vec<u8> {
    let options = LzmaOptions::with_preset(1);
    let mut packer = LzmaWriter::new_use_header(Vec::new(), &options, None).unwrap();
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

type Packer = fn(&[u8]) -> Vec<u8>;
const PACKERS: [Packer; 4] = [gzip, bzip2, xz, lzma];

fn open_bytes(bytes: &[u8]) -> Result<Vec<String>, String> {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("f");
    std::fs::write(&path, bytes).unwrap();
    let source = Source::open(&path, &mut ()).and_then(|source| source.parse_lines(keep));
    source.map_err(|error| error.to_string().replace(&path.display().to_string(), "f"))
}

#[test]
fn line_breaks_and_the_byte_order_mark_are_no_part_of_a_line() {
    for text in ["a\nb\n", "a\nb", "a\r\nb\r\n", "a\r\nb", "\u{feff}a\nb\n", "\n\na\n\nb\n\n"] {
        assert_eq!(lines(text.as_bytes()).unwrap(), ["a", "b"], "{text:?}");
    }
}

#[test]
fn invisible_characters_are_no_lines_and_no_part_of_names() {
    for text in
        ["a\r\r\nb\r\r\n", "a\n\u{feff}b\n", "a\nb\n\u{1a}", "a\n\u{a0}\nb", "a\n\u{200b} \t\nb"]
    {
        assert_eq!(lines(text.as_bytes()).unwrap(), ["a", "b"], "{text:?}");
    }
    assert_eq!(lines(b"a b\t\n").unwrap(), ["a b\t"]);
}

#[test]
fn comments_may_be_in_another_encoding() {
    let read = |text: &[u8]| {
        let mut source = Source::from_text("f", text);
        source.with_comments();
        source.parse_lines(keep).map_err(|error| error.to_string())
    };
    assert_eq!(read(b"a\nb # caf\xe9\r\nc\n").unwrap(), ["a", "b # caf\u{fffd}", "c"]);
    let error = "f:2: expected text in UTF-8, found other bytes";
    assert_eq!(read(b"a\n\xe9 # c\nb\n").unwrap_err(), error);
    assert_eq!(lines(b"a\nb # caf\xe9\n").unwrap_err(), error);
    assert_eq!(read(b"# \xe9\nbad\n\xe9\n").unwrap_err(), "f:2: expected good");
}

#[test]
fn the_first_bad_line_is_named_by_its_number() {
    let many = "a\n".repeat(300_000);
    let table: [(Vec<u8>, &str); 9] = [
        (b"a\n\nbad\nbad\n".to_vec(), "f:3: expected good"),
        (b"a\r\nbad".to_vec(), "f:2: expected good"),
        (b"a\nb\xff\nbad\n".to_vec(), "f:2: expected text in UTF-8, found other bytes"),
        (b"bad\nb\xff\n".to_vec(), "f:1: expected good"),
        (b"a\nb\0\n".to_vec(), "f:2: expected text, found a NUL character"),
        (
            b"a\rb\r".to_vec(),
            "f:1: expected line breaks \\n or \\r\\n, found a carriage return (\\r) alone",
        ),
        (b"\n\n".to_vec(), "f: expected at least one example, found only blank lines and comments"),
        (b"".to_vec(), "f: expected at least one example, found an empty file"),
        (
            [many.as_bytes(), b"bad\n", many.as_bytes(), b"b\xff\n"].concat(),
            "f:300001: expected good",
        ),
    ];
    for (bytes, expected) in table {
        assert_eq!(lines(&bytes).unwrap_err(), expected);
    }
}

#[test]
fn lines_are_handed_over_with_their_numbers() {
    let scan = |text: &str| {
        let mut taken = Vec::new();
        let take = |number, line: String| match line.as_str() {
            "refused" => Err(Error::line("f", number, "refused")),
            _ => {
                taken.push((number, line));
                Ok(())
            }
        };
        let result =
            Source::from_text("f", text).scan_lines(keep, take).map_err(|error| error.to_string());
        (taken, result)
    };
    let taken = |lines: &[(u64, &str)]| {
        lines.iter().map(|&(n, line)| (n, line.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(scan("a\n\r\n\nb\nc"), (taken(&[(1, "a"), (4, "b"), (5, "c")]), Ok(())));
    assert_eq!(scan("a\nrefused\nbad\n"), (taken(&[(1, "a")]), Err("f:2: refused".to_owned())));
    assert_eq!(
        scan("a\nbad\nrefused\n"),
        (taken(&[(1, "a")]), Err("f:2: expected good".to_owned()))
    );
    let (lines, result) = scan(&("a\n".repeat(300_000) + "\nrefused"));
    assert_eq!((lines.len(), result), (300_000, Err("f:300002: refused".to_owned())));
}

#[test]
fn what_was_peeked_at_is_read_again() {
    for (bytes, expected) in [(0, ""), (1, "\u{fffd}"), (4, "\u{fffd}"), (100, "äb\nc\n")] {
        let mut source = Source::from_text("f", "\u{feff}äb\nc\n");
        assert_eq!(source.peek(bytes).unwrap(), expected);
        assert_eq!(source.parse_lines(keep).unwrap(), ["äb", "c"]);
    }
}

#[test]
fn lines_of_any_length_arrive_whole() {
    let long = "x".repeat(10_000_000);
    let text = format!("a\n{long}\nb\n{long}");
    assert!(lines(text.as_bytes()).unwrap() == ["a", &long, "b", &long]);
}

#[test]
fn archives_are_known_by_their_content_and_joined_ones_are_read_to_the_end() {
    for pack in PACKERS {
        let two = [pack(b"a\nb"), pack(b""), pack(b"c\nd\n")].concat();
        assert_eq!(open_bytes(&two).unwrap(), ["a", "bc", "d"]);
        // Zeros pad archives on tapes; other bytes are a mistake.
        let padded = [two.clone(), vec![0; 100_000]].concat();
        assert_eq!(open_bytes(&padded).unwrap(), ["a", "bc", "d"]);
        let spoilt = open_bytes(&[two, b"\0e\n".to_vec()].concat()).unwrap_err();
        assert_eq!(spoilt, "f: the file is damaged: other bytes follow the compressed data");
    }
    assert!(open_bytes(b"PK\x03\x04").unwrap_err().contains("this is a zip archive"));
    for text in ["a", "BZh1 x", "BZh91AX&SY", "]", "PK", "BZ"] {
        assert_eq!(open_bytes(text.as_bytes()).unwrap(), [text]);
    }
}

#[test]
fn an_archive_that_would_fill_the_memory_is_refused() {
    let mut packed = xz(b"a\n");
    // The size of the dictionary in the header of the block: 2 GiB; then the header's checksum.
    assert_eq!(packed[12..16], [2, 0, 0x21, 1]);
    packed[16] = 38;
    let sum = crc32fast::hash(&packed[12..20]).to_le_bytes();
    packed[20..24].copy_from_slice(&sum);
    let expected =
        "f: expected a dictionary of at most 128 MiB in an xz archive, found a larger one";
    assert_eq!(open_bytes(&packed).unwrap_err(), expected);
    let mut packed = lzma(b"a\n");
    packed[1..5].copy_from_slice(&(1_u32 << 31).to_le_bytes());
    assert_eq!(open_bytes(&packed).unwrap_err(), expected);
}

#[test]
fn a_damaged_archive_is_an_error_wherever_it_is_cut() {
    let text: String = (0..50_000).map(|number| format!("{}\n", number * 7919 % 100_003)).collect();
    for (pack, kind) in PACKERS.into_iter().zip(0..) {
        let whole = pack(text.as_bytes());
        for cut in [4, 9, 12, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
            let message = open_bytes(&whole[..cut]).unwrap_err();
            assert_eq!(
                message, "f: the compressed data end too early: the file is truncated",
                "archive {kind} cut at {cut}"
            );
        }
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 0x10;
        // The oldest kind has no checksum.
        assert!(kind == 3 || open_bytes(&flipped).unwrap_err().starts_with("f: "), "{kind}");
    }
}

#[cfg(feature = "zst")]
#[test]
fn zstd_archives_are_read() {
    assert_eq!(open_bytes(&zstd::encode_all(&b"a\nb\n"[..], 0).unwrap()).unwrap(), ["a", "b"]);
}

#[cfg(not(feature = "zst"))]
#[test]
fn zstd_archives_are_refused_by_the_name_of_the_feature() {
    assert!(open_bytes(&[0x28, 0xb5, 0x2f, 0xfd, 0, 0]).unwrap_err().contains("the feature `zst`"));
}

#[test]
fn directories_and_missing_files_are_refused_by_name() {
    let home = tempfile::tempdir().unwrap();
    let error = Source::open(home.path(), &mut ()).unwrap_err();
    assert!(
        error.to_string().ends_with("expected a file, found a directory") && error.is_bad_input()
    );
    let missing = home.path().join("missing");
    let error = Source::open(&missing, &mut ()).unwrap_err();
    assert!(error.to_string().contains("missing: cannot be read") && error.is_bad_input());
}

#[test]
fn small_files_are_read_as_a_whole() {
    assert_eq!(Source::from_text("f", "\u{feff}a\nb").text().unwrap(), "a\nb");
    let reader = Box::new(&b"a\nb\xff"[..]);
    let source = Source::new("f".to_owned(), reader);
    assert_eq!(
        source.text().unwrap_err().to_string(),
        "f:2: expected text in UTF-8, found other bytes"
    );
}

#[test]
fn the_monitor_hears_how_much_was_read_and_what_was_noted() {
    struct Bytes(u64, Vec<String>);
    impl Monitor for Bytes {
        fn note(&mut self, message: &str) {
            self.1.push(message.to_owned());
        }

        fn reading(&mut self, _: &str, bytes: u64) {
            assert!(bytes > self.0);
            self.0 = bytes;
        }
    }
    let text = "abcd\n".repeat(1_000_000);
    let mut monitor = Bytes(0, Vec::new());
    let reader = Box::new(text.as_bytes());
    let mut source = Source { monitor: Some(&mut monitor), ..Source::new("f".to_owned(), reader) };
    source.scan_lines(keep, |_, _| Ok(())).unwrap();
    source.note("odd");
    drop(source);
    assert_eq!((monitor.0, monitor.1), (5_000_000, vec!["odd".to_owned()]));
}

#[test]
fn lines_are_divided_into_blocks_of_whole_lines() {
    for text in ["", "a", "a\n", "a\nbb\n\nccc\nd", "aaaaaaaaaaaaaaaaaaaa\nb\n", "\n\n\n\n"] {
        for count in 0..9 {
            let blocks = divide(text.as_bytes().to_vec(), count);
            assert_eq!(blocks.concat(), text.as_bytes());
            assert!(blocks.len() <= count.max(1) + 1, "{text:?} {count}");
            assert!(blocks.iter().rev().skip(1).all(|block| block.ends_with(b"\n")));
        }
    }
}

/// A reader that returns a few bytes at a time, as pipes do.
struct Trickle<'b>(&'b [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.1.min(self.0.len()).min(buffer.len());
        let (head, tail) = self.0.split_at(length);
        buffer[..length].copy_from_slice(head);
        self.0 = tail;
        Ok(length)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn blocks_end_with_a_line_and_join_to_the_whole(
        lengths in prop::collection::vec(prop_oneof![0..100_usize, 0..700_000_usize], 0..12),
        step in 1000..100_000_usize,
    ) {
        let text = lengths.iter().map(|&length| "x".repeat(length)).collect::<Vec<_>>().join("\n");
        let (sender, blocks) = mpsc::sync_channel(1 << 20);
        send_blocks(Trickle(text.as_bytes(), step), &sender);
        drop(sender);
        let blocks: Vec<Vec<u8>> = blocks.iter().map(Result::unwrap).collect();
        prop_assert!(blocks.iter().rev().skip(1).all(|block| block.ends_with(b"\n")));
        prop_assert!(blocks.concat() == text.as_bytes());
    }
}
