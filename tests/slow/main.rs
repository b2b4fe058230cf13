//! Looks for input that takes long to read. Random repetitions of possible terminal output, of growing sizes, are
//! read as lines, by searches and for exports. Input is reported, with its seed, if the time for each byte grows with
//! the size, or is many times as long as usual.
//!
//! `SLOW_SECONDS` is the time to look (3), `SLOW_SEED` the first seed (2026). `cargo test --test slow -- --nocapture`
//! prints the number of inputs.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by a panic"
)]

mod fragments;
mod readers;

use std::env;
use std::time::{Duration, Instant};

use fragments::{Input, Random};
use readers::{IN_MEMORY, READERS, Reader, spent, usual};

/// Bytes of the smallest input and of the largest; each is eight times as large as the one before it.
const SMALLEST: usize = 2 << 10;
const LARGEST: usize = 8 << 20;

/// The most seconds for the largest one.
const BUDGET: f64 = 0.15;

/// How many times as long a byte may take in an input that is eight times as large.
const GROWING: f64 = 4.0;

/// How many times as long a byte may take as one of the usual slow input. An edit of a long line takes some fifteen
/// times as long in a debug build.
const SLOW: f64 = 40.0;

/// The most findings.
const MOST: usize = 40;

/// How often a finding has to be repeated.
const CONFIRMED: usize = 3;

/// Shorter times, in seconds, mean nothing: the system interrupts a process for as long now and then.
const NOISE: f64 = 0.002;

/// Why an input is slow; `None` if it is not.
fn slowness(reader: &Reader, input: &Input, usual: f64) -> Option<String> {
    let time = |bytes: &[u8]| (reader.read)(&input.pieces(bytes));
    let start = time(&input.of(0));
    let mut before: Option<f64> = None;
    let mut length = SMALLEST;
    while length <= LARGEST {
        // The start is read at another speed, and is a larger part of a small input.
        let took = time(&input.of(length)).saturating_sub(start).as_secs_f64();
        let each = took / length as f64;
        let grown = before.filter(|before| took > NOISE && each > before * GROWING);
        if let Some(before) = grown {
            return Some(format!("a byte of {length} takes {:.1} times as long", each / before));
        }
        if took > NOISE && each > usual * SLOW {
            return Some(format!("a byte of {length} takes {:.1} times the usual", each / usual));
        }
        if took * 8.0 > BUDGET {
            break;
        }
        before = Some(each.max(NOISE / length as f64 / GROWING));
        length *= 8;
    }
    None
}

/// As [`slowness`], if every repetition confirms it.
fn confirmed(reader: &Reader, input: &Input) -> Option<String> {
    (0..=CONFIRMED).map(|_| slowness(reader, input, usual() * reader.times)).reduce(Option::and)?
}

#[test]
fn the_time_for_a_byte_does_not_grow_with_the_input() {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seconds = number("SLOW_SECONDS").unwrap_or(3);
    let seed = number("SLOW_SEED").unwrap_or(2026);
    println!("SLOW_SEED={seed} SLOW_SECONDS={seconds}");
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut inputs = 0;
    let mut slow = Vec::new();
    let known = Input::known().into_iter().map(|input| (None, input));
    let random = (seed..).map(|seed| (Some(seed), Input::random(&mut Random::new(seed))));
    for (seed, input) in known.chain(random) {
        if (Instant::now() >= end && seed.is_some()) || slow.len() >= MOST {
            break;
        }
        // Stored output takes most of the time and shows least.
        let readers = if inputs % 8 == 7 { READERS } else { IN_MEMORY };
        for reader in readers {
            if slowness(reader, &input, usual() * reader.times).is_some()
                && let Some(what) = confirmed(reader, &input)
            {
                let seed = seed.map_or(String::new(), |seed| format!("SLOW_SEED={seed} "));
                slow.push(format!("{seed}{}: {what}: {input:?}", reader.name));
            }
        }
        inputs += 1;
    }
    println!("{inputs} inputs");
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

#[test]
fn a_reader_in_squared_time_is_noticed() {
    // A reader in squared time: for every piece, it reads everything so far.
    let squared = Reader {
        name: "squared",
        times: 1.0,
        read: |pieces| {
            let start = spent();
            let mut read = Vec::new();
            let mut sum = 0_u64;
            for piece in pieces.iter().flat_map(|piece| piece.chunks(16)) {
                read.extend_from_slice(piece);
                sum += read.iter().map(|byte| u64::from(*byte)).sum::<u64>();
            }
            std::hint::black_box(sum);
            spent() - start
        },
    };
    let input = Input::random(&mut Random::new(1));
    assert!(slowness(&squared, &input, f64::INFINITY).is_some());
}
