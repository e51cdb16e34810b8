//! Blocks of lines: read on one thread, parsed on all.

use std::borrow::Cow;
use std::io::{self, Read};
use std::str;
use std::sync::mpsc;

use crosscut_data::text::trim_name;

use super::LONE_RETURN;
use crate::cutter::{LONGEST_LINE, too_long};
use crate::error::Error;

/// Bytes read at a time: small enough for a few blocks to stay in the cache, large enough to keep a
/// thread busy.
const BLOCK: usize = 256 << 10;

/// Cuts the text into blocks that end with a line break (the last one need not) and sends them,
/// until the end of the text, the first error, or the receiver hangs up.
pub(super) fn send_blocks(mut reader: impl Read, sender: &mpsc::SyncSender<io::Result<Vec<u8>>>) {
    let mut rest = Vec::new();
    loop {
        // A line longer than a block makes the block grow until it is complete.
        let known = rest.len();
        let wanted = BLOCK.max(known);
        let mut block = rest;
        block.reserve_exact(wanted);
        let read = match reader.by_ref().take(wanted as u64).read_to_end(&mut block) {
            Ok(read) => read,
            Err(error) => return drop(sender.send(Err(error))),
        };
        let done = read < wanted;
        let end = if done {
            block.len()
        } else {
            match block.iter().rposition(|&byte| byte == b'\n') {
                Some(at) => at + 1,
                None if block.len() > LONGEST_LINE => return drop(sender.send(Err(too_long()))),
                None => 0,
            }
        };
        if end == 0 && !done {
            rest = block;
            continue;
        }
        rest = block[end..].to_vec();
        block.truncate(end);
        if !block.is_empty() && sender.send(Ok(block)).is_err() || done {
            return;
        }
    }
}

/// Divides lines into about `count` blocks of whole lines.
pub(super) fn divide(mut bytes: Vec<u8>, count: usize) -> Vec<Vec<u8>> {
    let length = bytes.len().div_ceil(count.max(1));
    let (mut starts, mut start) = (Vec::new(), 0);
    while bytes.len() - start > length {
        let end = bytes[start + length..].iter().position(|&byte| byte == b'\n');
        let Some(end) = end else { break };
        start += length + end + 1;
        starts.push(start);
    }
    // From the last one, so that each byte is copied once.
    let mut blocks: Vec<_> = starts.into_iter().rev().map(|at| bytes.split_off(at)).collect();
    blocks.push(bytes);
    blocks.reverse();
    blocks
}

/// Blocks of lines as read.
pub(super) type Blocks = Vec<io::Result<Vec<u8>>>;
/// Parses blocks of the named file, given the number of lines before them.
pub(super) type ParseBlocks<'p> = dyn FnMut(&str, Blocks, u64) -> Result<Seen, Error> + 'p;

/// Progress of reading.
#[derive(Clone, Copy, Default)]
pub(super) struct Seen {
    /// Including the lines before the text.
    pub lines: u64,
    pub bytes: u64,
    /// Whether `parse` has found anything.
    pub found_any: bool,
}

/// A parsed block. If there is an error, `lines` is the number of the bad line within the block.
pub(super) struct Parsed<T> {
    /// Each with its line number within the block, from 1.
    pub items: Vec<(u64, T)>,
    pub lines: u64,
    pub bytes: u64,
    pub error: Option<String>,
}

/// What becomes of bytes that are not UTF-8.
pub(super) struct Odd {
    pub may_be_in_comments: bool,
    /// Why they are refused elsewhere.
    pub refusal: String,
}

pub(super) fn parse_block<T>(
    block: &[u8],
    odd: &Odd,
    parse: &impl Fn(&str) -> Result<Option<T>, String>,
) -> Parsed<T> {
    let mut parsed = Parsed { items: Vec::new(), lines: 0, bytes: block.len() as u64, error: None };
    let mut rest = block;
    while !rest.is_empty() && parsed.error.is_none() {
        // All of it, or the lines before the first that is not UTF-8.
        let valid = match str::from_utf8(rest) {
            Ok(_) => rest.len(),
            Err(error) => rest[..error.valid_up_to()]
                .iter()
                .rposition(|&byte| byte == b'\n')
                .map_or(0, |at| at + 1),
        };
        let (good, bad) = rest.split_at(valid);
        for line in str::from_utf8(good).unwrap_or_default().split_terminator('\n') {
            parsed.add(clean(line).and_then(parse));
            if parsed.error.is_some() {
                return parsed;
            }
        }
        let end = bad.iter().position(|&byte| byte == b'\n').map_or(bad.len(), |at| at + 1);
        let (line, after) = bad.split_at(end);
        if !line.is_empty() {
            let line = lossy(line.trim_ascii_end(), odd);
            parsed.add(line.and_then(|line| parse(clean(&line)?)));
        }
        rest = after;
    }
    parsed
}

impl<T> Parsed<T> {
    /// Adds the result of the next line.
    fn add(&mut self, item: Result<Option<T>, String>) {
        self.lines += 1;
        match item {
            Ok(item) => self.items.extend(item.map(|item| (self.lines, item))),
            Err(message) => self.error = Some(message),
        }
    }
}

/// A line that is not UTF-8, which may be so in a comment alone.
fn lossy<'l>(line: &'l [u8], odd: &Odd) -> Result<Cow<'l, str>, String> {
    let comment = line.iter().position(|&byte| byte == b'#').filter(|_| odd.may_be_in_comments);
    match comment {
        Some(at) if str::from_utf8(&line[..at]).is_ok() => Ok(String::from_utf8_lossy(line)),
        _ => Err(odd.refusal.clone()),
    }
}

/// A line without what is no part of its text.
fn clean(line: &str) -> Result<&str, String> {
    let odd = |odd, byte: u8| odd | ((byte.wrapping_sub(b' ') >= 0x60) & (byte != b'\t'));
    if !line.bytes().fold(false, odd) {
        return Ok(line);
    }
    let line = line.trim_end_matches('\r').trim_start_matches('\u{feff}');
    if line.contains('\0') {
        return Err("expected text, found a NUL character".to_owned());
    }
    if line.contains('\r') {
        return Err(LONE_RETURN.to_owned());
    }
    let is_blank =
        line.contains(|letter| !matches!(letter, ' ' | '\t')) && trim_name(line).is_empty();
    Ok(if is_blank { "" } else { line })
}

pub(crate) fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}
