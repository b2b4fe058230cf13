use super::*;
use crate::random::Random;
use crate::store::timestamp::Timestamp;

/// A row that owns what it holds.
#[derive(Clone)]
struct Owned {
    id: i64,
    timestamp: Vec<u8>,
    kind: OutputType,
    data: Vec<u8>,
    is_blob: bool,
    created_at: Option<Vec<u8>>,
}

impl Owned {
    fn chunk(&self) -> Chunk<'_> {
        Chunk {
            id: self.id,
            timestamp: &self.timestamp,
            kind: self.kind,
            data: &self.data,
            is_blob: self.is_blob,
            created_at: self.created_at.as_deref(),
        }
    }
}

fn row(id: i64, data: &[u8]) -> Owned {
    let timestamp = Timestamp::from_millis(1_700_000_000_000.0 + (id % 1000) as f64).unwrap();
    Owned {
        id,
        timestamp: timestamp.text().as_str().into(),
        kind: OutputType::Stdout,
        data: data.into(),
        is_blob: false,
        created_at: Some(b"2026-01-23 12:04:05".to_vec()),
    }
}

/// Rows of every kind: other programs write any text into their columns.
fn rows(random: &mut Random) -> Vec<Owned> {
    let mut id = random.below(1 << 40) as i64 - (1 << 39);
    let is_canonical = random.below(2) == 0;
    (0..1 + random.below(40))
        .map(|_| {
            let bits = random.below(30);
            id += 1 + random.below(1 << bits) as i64;
            let mut made = row(id, b"");
            made.kind = if random.below(3) == 0 { OutputType::Stderr } else { OutputType::Stdout };
            made.is_blob = random.below(10) == 0;
            made.data = (0..random.below(300)).map(|_| random.below(256) as u8).collect();
            if !is_canonical {
                let texts: [&[u8]; 4] = [b"2026-01-23", b"", b"\xff\0", b"2026-01-23T12:04:05Z"];
                made.timestamp = random.one_of(&texts).into();
                made.created_at = random.one_of(&[None, Some(b"now")]).map(Vec::from);
            }
            made
        })
        .collect()
}

fn block(rows: &[Owned]) -> Vec<u8> {
    let mut writer = Writer::new().unwrap();
    rows.iter().for_each(|row| assert!(writer.push(row.chunk())));
    let bytes = writer.finish().unwrap();
    assert!(writer.is_empty());
    bytes
}

#[test]
fn a_block_gives_back_the_chunks_that_were_put_into_it() {
    let mut random = Random(42);
    for _ in 0..300 {
        let rows = rows(&mut random);
        let bytes = block(&rows);
        let header = Header::read(&bytes).unwrap();
        assert_eq!(header.count, rows.len());
        assert_eq!((header.first, header.last), (rows[0].id, rows.last().unwrap().id));
        let read = Block::read(&bytes).unwrap();
        let wanted: Vec<_> = rows.iter().map(Owned::chunk).collect();
        assert_eq!(read.chunks().collect::<Vec<_>>(), wanted);
        let backwards: Vec<_> = wanted.into_iter().rev().collect();
        assert_eq!(read.chunks().rev().collect::<Vec<_>>(), backwards);
    }
}

#[test]
fn a_block_has_64_kib_of_text_or_one_chunk() {
    let mut writer = Writer::new().unwrap();
    assert!(writer.push(row(1, &[b'a'; LARGEST - 1]).chunk()));
    assert!(writer.push(row(2, b"b").chunk()));
    assert!(writer.push(row(3, b"").chunk()));
    assert!(!writer.push(row(4, b"c").chunk()));
    assert_eq!(Block::read(&writer.finish().unwrap()).unwrap().chunks().count(), 3);
    let large = row(5, &vec![b'x'; 3 << 20]);
    assert!(writer.push(large.chunk()));
    assert!(!writer.push(row(6, b"y").chunk()));
    let bytes = writer.finish().unwrap();
    assert_eq!(Block::read(&bytes).unwrap().chunks().next(), Some(large.chunk()));
    assert!(matches!(writer.finish(), Err(Damage::Length)));
}

#[test]
fn a_cursor_that_does_not_ascend_belongs_into_another_block() {
    let mut writer = Writer::new().unwrap();
    assert!(writer.push(row(i64::MIN, b"a").chunk()));
    assert!(writer.push(row(i64::MAX, b"b").chunk()));
    assert!(!writer.push(row(i64::MAX, b"c").chunk()));
    let bytes = writer.finish().unwrap();
    let ids: Vec<_> = Block::read(&bytes).unwrap().chunks().map(|chunk| chunk.id).collect();
    assert_eq!(ids, [i64::MIN, i64::MAX]);
}

#[test]
fn every_changed_byte_of_a_block_is_noticed() {
    let bytes = block(&rows(&mut Random(7)));
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            Block::read(&damaged).unwrap_err();
        }
        Block::read(&bytes[..at]).unwrap_err();
    }
    Block::read(&[&bytes[..], b"x"].concat()).unwrap_err();
}

#[test]
fn columns_that_were_made_up_end_in_an_error_and_fill_no_memory() {
    let mut random = Random(99);
    let good = columns::write(&[columns::Row::from(row(1, b"a").chunk())]);
    assert!(columns::read(&good, 1, 1).is_ok());
    assert!(columns::read(&good, 1, usize::MAX).is_err());
    assert!(columns::read(&good, i64::MAX, 2).is_err());
    for _ in 0..20_000 {
        let mut made_up = good.clone();
        for _ in 0..1 + random.below(3) {
            let at = random.index(made_up.len());
            made_up[at] = random.below(256) as u8;
        }
        made_up.truncate(random.index(1 + made_up.len()));
        // It must not panic, whatever it answers.
        let _: Result<_, Damage> = columns::read(&made_up, 1, 1 + random.index(20));
    }
}

#[test]
fn what_terminals_print_takes_an_eighth() {
    let line = |at: u64| {
        format!(
            "\u{1b}[32m✓\u{1b}[39m src/store/test_{}.ts \u{1b}[2m({} tests)\u{1b}[22m {} ms\n",
            at % 97,
            at % 13,
            at * 7 % 1000
        )
    };
    let rows: Vec<_> = (0..900).map(|at| row(at, line(at as u64).as_bytes())).collect();
    let text: usize = rows.iter().map(|row| row.data.len()).sum();
    assert!(block(&rows).len() * 8 < text);
}

#[test]
fn a_block_has_few_chunks_and_short_columns_so_that_it_fills_no_memory() {
    let mut writer = Writer::new().unwrap();
    let rows = (1..=40_000).map(|id| row(id, b""));
    let mut counts = Vec::new();
    let mut count = 0;
    for row in rows {
        if !writer.push(row.chunk()) {
            counts.push(std::mem::take(&mut count));
            Block::read(&writer.finish().unwrap()).unwrap();
            assert!(writer.push(row.chunk()));
        }
        count += 1;
    }
    assert_eq!(counts, [MOST, MOST]);
    // A header that says more is refused before anything is decompressed.
    let zeros = zstd::bulk::compress(&vec![0; 1 << 24], 9).unwrap();
    let mut bomb = b"GSDB\x01\0\0\0".to_vec();
    bomb.extend_from_slice(&3_000_000_u32.to_le_bytes());
    bomb.extend_from_slice(&1_i64.to_le_bytes());
    bomb.extend_from_slice(&3_000_000_i64.to_le_bytes());
    let empty = zstd::bulk::compress(b"", 9).unwrap();
    for length in [1 << 24, zeros.len(), 0, empty.len()] {
        bomb.extend_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
    }
    bomb.extend_from_slice(&zeros);
    bomb.extend_from_slice(&empty);
    let checksum = crc32fast::hash(&bomb);
    bomb.extend_from_slice(&checksum.to_le_bytes());
    assert!(matches!(Block::read(&bomb), Err(Damage::Columns)));
}

#[test]
fn nothing_stands_behind_a_frame() {
    let mut writer = Writer::new().unwrap();
    writer.push(row(1, b"text").chunk());
    let mut block = writer.finish().unwrap();
    block.truncate(block.len() - 4);
    // A frame that is skipped, and an empty one.
    for more in [&[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0][..], &zstd::bulk::compress(b"", 9).unwrap()]
    {
        let mut longer = block.clone();
        let length = u32::from_le_bytes(longer[40..44].try_into().unwrap());
        let length = length + u32::try_from(more.len()).unwrap();
        longer[40..44].copy_from_slice(&length.to_le_bytes());
        longer.extend_from_slice(more);
        let checksum = crc32fast::hash(&longer);
        longer.extend_from_slice(&checksum.to_le_bytes());
        assert!(matches!(Block::read(&longer), Err(Damage::Length)));
    }
}

const MOST: usize = super::block::MOST_CHUNKS;
