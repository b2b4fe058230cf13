use super::*;

/// The lines of chunks, whose cursors count from 1.
fn numbered(chunks: &[&[u8]]) -> Vec<(String, i64, i64)> {
    let mut lines = Lines::default();
    let mut seen = Vec::new();
    let mut add = |line: Line<'_>| {
        seen.push((line.text.to_owned(), line.first.cursor, line.last.cursor));
        assert_eq!(line.number, seen.len() as u64);
    };
    for (chunk, cursor) in chunks.iter().zip(1..) {
        let mut rest = *chunk;
        while let Some(line) = lines.next(&mut rest, Mark::of(cursor, cursor as f64)) {
            add(line);
        }
        assert!(rest.is_empty());
    }
    while let Some(line) = lines.end() {
        add(line);
    }
    seen
}

fn texts(chunks: &[&[u8]]) -> Vec<String> {
    numbered(chunks).into_iter().map(|(text, _, _)| text).collect()
}

/// The lines of a text, which must not depend on where it is cut into chunks.
fn seen(text: &str) -> Vec<String> {
    let whole = texts(&[text.as_bytes()]);
    for size in [1, 2, 3, 7] {
        let characters: Vec<char> = text.chars().collect();
        let chunks: Vec<String> = characters.chunks(size).map(String::from_iter).collect();
        let chunks: Vec<&[u8]> = chunks.iter().map(String::as_bytes).collect();
        assert_eq!(texts(&chunks), whole, "in chunks of {size}");
    }
    whole
}

#[test]
fn lines_end_at_a_newline_and_the_last_one_need_not() {
    assert_eq!(seen(""), [""; 0]);
    assert_eq!(seen("\n"), [""]);
    assert_eq!(seen("a\n\nb\r\nc"), ["a", "", "b", "c"]);
    assert_eq!(seen("a\r\r\nb\tc\u{b}d"), ["a", "b\tc", "d"]);
    assert_eq!(
        numbered(&[b"one", b" two\nth", b"", b"ree"]),
        [("one two".into(), 1, 2), ("three".into(), 2, 4)]
    );
}

#[test]
fn escape_sequences_are_not_visible() {
    assert_eq!(seen("\x1b[1;31mer\x1b[0mror\x1b[38;2;1;2;3m!\x1b[K\r\n"), ["error!"]);
    assert_eq!(seen("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b"), ["alinkb"]);
    assert_eq!(seen("\x1bP1$r0m\x1b\\a\x1b_apc\x1b\\b\x1b^pm\x1b\\c\x1bXsos\x1b\\d"), ["abcd"]);
    assert_eq!(seen("\x1b(Ba\x1b)0b\x1b=c\x1b>d\x1b#3e\x0ef\x0fg\x07h\0i\x7fj"), ["abcde°ghij"]);
    assert_eq!(seen("\u{9b}31mred\u{9d}0;t\u{9c}!\u{90}q\u{9c}?\u{98}x\u{9c}"), ["red!?"]);
    assert_eq!(seen("\u{a0}«·» naïve \u{85}next\u{80}"), ["\u{a0}«·» naïve ", "next"]);
    // An invalid sequence is not visible, and the text behind it is.
    assert_eq!(seen("\x1b[1<5mtext\x1b[\x18é\x1b[1;\x1b[2mx"), ["textéx"]);
    assert_eq!(seen("a\x1b[3"), ["a"]);
}

#[test]
fn overwritten_text_is_gone() {
    assert_eq!(seen(" 10%\r 50%\r100%\n"), ["100%"]);
    assert_eq!(seen("downloading\rdone\n"), ["doneloading"]);
    assert_eq!(seen("downloading\r\x1b[Kdone\n"), ["done"]);
    assert_eq!(seen("downloading\x1b[2K\rdone\n"), ["done"]);
    assert_eq!(seen("downloading\x1b[2Kx"), ["           x"]);
    assert_eq!(seen("pasword\x08\x08\x08\x08\x1b[@s"), ["password"]);
    assert_eq!(seen("abc\x08\x08\x1b[P"), ["ac"]);
    assert_eq!(seen("abcdef\x1b[3Dx\x1b[1Cy\x1b[2GB"), ["aBcxey"]);
    assert_eq!(seen("abcdef\x1b[4G\x1b[1K"), ["    ef"]);
    assert_eq!(seen("abcdef\x1b[3G\x1b[2X"), ["ab  ef"]);
    assert_eq!(seen("a\x1b[5Cb"), ["a     b"]);
    // Where something is drawn over, a tab is a movement.
    assert_eq!(seen("a\tb\rA\tB\n"), ["A       B"]);
    assert_eq!(seen("a\tb\x08\x08\x08.c"), ["a     .cb"]);
    assert_eq!(seen("-\x1b[4b>"), ["----->"]);
    assert_eq!(seen("\x1b7working\x1b8done   \n"), ["done   "]);
    assert_eq!(seen("ab\x1b[scd\x1b[uCD"), ["abCD"]);
}

#[test]
fn wide_characters_take_two_columns() {
    assert_eq!(seen("日本語\rab"), ["ab本語"]);
    assert_eq!(seen("日本語\ra"), ["a 本語"]);
    assert_eq!(seen("abcd\r😀"), ["😀cd"]);
    assert_eq!(seen("日本語\x08x"), ["日本 x"]);
    assert_eq!(seen("abcd\x1b[2G本"), ["a本d"]);
    assert_eq!(seen("e\u{301}te\u{301}\rE"), ["Ete\u{301}"]);
    assert_eq!(seen("e\u{301}te\u{301}\x1b[2Gs"), ["e\u{301}se\u{301}"]);
    assert_eq!(seen("xe\u{301}\r\x1b[@"), [" xe\u{301}"]);
}

#[test]
fn a_screen_stays_as_it_was_drawn_last() {
    let alternate = "before\n\x1b[?1049h\x1b[H\x1b[2Jtitle\x1b[5;10Hvalue\x1b[?1049lafter\n";
    assert_eq!(seen(alternate), ["before", "after"]);
    assert_eq!(seen("⠋ one\n\x1b[1A\x1b[2K\x1b[G✔ one\n"), ["✔ one"]);
    assert_eq!(seen("\x1b[2;10Hvalue\x1b[2;2Hname\r\nend"), ["", " name    value", "end"]);
    assert_eq!(
        seen("\x1b[2J\x1b[Hhead\n\x1b[2;3r\x1b[2;1Ha\nb\nc\x1b[r\x1b[4;1Hfoot\n"),
        ["head", "b", "c", "foot"]
    );
    assert_eq!(seen("\x1b[H\x1b[2Jtick 1\nload\n\x1b[H\x1b[2Jtick 2\nload\n"), ["tick 2", "load"]);
    // What was scrolled away stays, whatever a program clears.
    let away: String = (1..=30).map(|line| format!("{line}\n")).collect();
    let lines = seen(&format!("{away}\x1b[H\x1b[2J\x1b[3Jend\x1bcnew"));
    assert_eq!(lines.len(), 8);
    assert_eq!(lines.last().map(String::as_str), Some("new"));
}

#[test]
fn a_line_that_did_not_fit_into_a_row_is_one_line() {
    let long = "word ".repeat(500);
    assert_eq!(seen(&format!("{long}end\n")), [format!("{long}end")]);
    // Only the last of its rows is drawn over.
    let row = "x".repeat(80);
    assert_eq!(seen(&format!("{row}{row}1234\rab\n")), [format!("{row}{row}ab34")]);
    assert_eq!(seen(&format!("{row}12\x1b[1A\ry")), [format!("y{}", &row[1..]) + "12"]);
    assert_eq!(seen(&format!("{}日本\n", &row[1..])), [format!("{}日本", &row[1..])]);
}

#[test]
fn the_progress_displays_of_programs_become_their_final_lines() {
    let git = "Cloning into 'out'...\r\nremote: Enumerating objects: 3, done.\x1b[K\r\nremote: Counting objects:  33% (1/3)\x1b[K\r\
               remote: Counting objects: 100% (3/3)\x1b[K\rremote: Counting objects: 100% (3/3), done.\x1b[K\r\n\
               Receiving objects:  33% (1/3)\rReceiving objects: 100% (3/3)\rReceiving objects: 100% (3/3), 1.2 KiB | 1.2 MiB/s, done.\r\n";
    assert_eq!(
        seen(git),
        [
            "Cloning into 'out'...",
            "remote: Enumerating objects: 3, done.",
            "remote: Counting objects: 100% (3/3), done.",
            "Receiving objects: 100% (3/3), 1.2 KiB | 1.2 MiB/s, done."
        ]
    );
    let cargo = "\x1b[1m\x1b[32m   Compiling\x1b[0m vte v0.15.0\r\n\x1b[1m\x1b[36m    Building\x1b[0m [==>      ] 1/3: vte\x1b[K\r\
                 \x1b[1m\x1b[36m    Building\x1b[0m [=====>   ] 2/3: memchr\x1b[K\r\x1b[K\x1b[1m\x1b[32m    Finished\x1b[0m in 1s\r\n";
    assert_eq!(seen(cargo), ["   Compiling vte v0.15.0", "    Finished in 1s"]);
    let npm = "\x1b[1G\x1b[0K⠙\x1b[1G\x1b[0K⠹\x1b[1G\x1b[0K\r\nadded 12 packages in 2s\r\n";
    assert_eq!(seen(npm), ["", "added 12 packages in 2s"]);
    let less = "\x1b[?1049h\x1b[22;0;0t\x1b[?1h\x1b=\r# The house\x1b[m\r\n\r\nSomebody\x1b[m\r\n\x1b[7mhouse.md\x1b[27m\x1b[K\r\x1b[K\x1b[?1l\x1b>\x1b[?1049l\x1b[23;0;0t";
    assert_eq!(seen(less), [""; 0]);
    let prompt = "\x1b]0;me@host: ~\x07\x1b[01;32mme@host\x1b[00m:\x1b[01;34m~\x1b[00m$ lss\x08\x1b[K\r\nfile\r\n";
    assert_eq!(seen(prompt), ["me@host:~$ ls", "file"]);
}

#[test]
fn marks_tell_which_chunk_wrote_what() {
    let marks = |chunks: &[(i64, &str)]| {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        let mut add = |line: Line<'_>| {
            found.push((line.first.cursor, (0..4).map(|at| line.mark_at(at).cursor).collect()));
        };
        for (cursor, text) in chunks {
            let mut rest = text.as_bytes();
            while let Some(line) = lines.next(&mut rest, Mark::of(*cursor, 0.0)) {
                add(line);
            }
        }
        while let Some(line) = lines.end() {
            add(line);
        }
        found
    };
    assert_eq!(marks(&[(3, "ab"), (5, "\x1b[m"), (7, "cd\n")]), [(3, vec![3, 3, 7, 7])]);
    assert_eq!(marks(&[(8, "ab"), (9, "\rcdef"), (10, "\n")]), [(8, vec![9; 4])]);
    assert_eq!(
        marks(&[(1, "abcd\n"), (2, "efgh\n"), (3, "\x1b[2AABCD\n\n")]),
        [(1, vec![3; 4]), (2, vec![2; 4])]
    );
}

#[test]
fn a_line_that_does_not_end_is_cut_between_characters_and_says_so() {
    let long = "é".repeat(MAX_LINE / 2 + 5000);
    // On the last row, and where the screen has cells.
    for before in ["x", "\x1b[2;2H\x1b[Ax"] {
        let pieces = texts(&[before.as_bytes(), long.as_bytes(), b"y\n"]);
        let [cut, rest] = &pieces[..] else { panic!("{} pieces", pieces.len()) };
        let kept = cut.strip_suffix(row::CUT).unwrap();
        assert!(kept.len().abs_diff(MAX_LINE) < 200);
        assert!(format!("{kept}{rest}").trim_start() == format!("x{long}y"));
    }
}

#[test]
fn the_cursor_stays_on_the_screen() {
    let far = format!("{}x", " ".repeat(79));
    assert_eq!(seen("\x1b[9999Cx"), [far.as_str()]);
    assert_eq!(seen("\x1b[100000Gx"), [far.as_str()]);
    assert_eq!(seen("abc\x1b[9999C\x1b[4D[ok]"), [format!("abc{}[ok]", " ".repeat(72))]);
    assert_eq!(seen("\x1b[9999;9999Hx\x1b[9999Ay").len(), 24);
}

#[test]
fn a_few_bytes_cannot_make_much_text() {
    for fragment in
        ["\x1b[4000Gx\n", "😀\x1b[65535b\n", "x\r\x1b[9999@\n", "\x1b[65535S", "\x1b[65535L"]
    {
        let bytes = fragment.len() * 2_000;
        let lines = texts(&[fragment.repeat(2_000).as_bytes()]);
        let seen = lines.iter().map(String::len).sum::<usize>();
        // A few screens for each.
        assert!(seen < 2_000 * 80 * 24 * 4, "{fragment:?}: {seen} of {bytes}");
    }
}

#[test]
fn combining_marks_follow_their_characters() {
    assert_eq!(seen("e\u{301}a\rx"), ["xa"]);
    assert_eq!(seen("ae\u{301}b\r\x1b[P"), ["e\u{301}b"]);
    assert_eq!(seen("ae\u{301}b\x1b[2G\x1b[X\x1b[3Gc"), ["a c"]);
    assert_eq!(seen("ae\u{301}b\x1b[2G\x1b[Kc"), ["ac"]);
    // More marks than a line may have. All but the last ones are overwritten.
    assert_eq!(seen(&format!("-{}", "\re\u{301}\u{302}".repeat(3000))), ["e\u{301}\u{302}"]);
}

#[test]
fn hostile_movements_take_no_memory() {
    let mut hostile = "\x1b[65535C\x1b[65535@\x1b[65535bx".repeat(100);
    hostile.push_str(&"\x1b[999999999;999999999H\x1b[1000Cy".repeat(100));
    for line in seen(&hostile) {
        assert!(line.len() < 2 * 4096, "{}", line.len());
    }
}

#[test]
fn invalid_utf_8_is_replaced() {
    assert_eq!(texts(&[b"a\xffb\n", b"\xc2", b"\n\xe2\x82\rx"]), ["a\u{fffd}b", "\u{fffd}", "x"]);
}

#[test]
fn plain_text_ends_before_the_first_control() {
    let text = "plain\ttext · é «»".repeat(5);
    for length in 0..70 {
        let Some(start) = text.get(..length) else {
            continue;
        };
        for control in ["\n", "\r", "\x1b", "\x7f", "\u{80}", "\u{9f}", "\0"] {
            assert_eq!(plain_length(format!("{start}{control}{text}").as_bytes()), length);
        }
        assert_eq!(plain_length(start.as_bytes()), length);
    }
}

#[test]
fn no_output_and_no_size_leads_off_the_screen() {
    const PARTS: [&str; 40] = [
        "\x1b[", "\x1b]", "\x1bP", "\x07", "\x1b\\", ";", "5", "99", "H", "J", "K", "L", "M", "S",
        "T", "r", "h", "l", "?", "1049", "6", "m", "日", "e\u{301}", "abc", " ", "\n", "\r",
        "\x08", "\t", "\x1bM", "\x1bD", "\x1b7", "\x1b8", "\x1bc", "\x1b(0", "\x0e", "133;C", "😀",
        "\x18",
    ];
    let mut seed = 9u64;
    let mut random = |limit: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % limit
    };
    for _ in 0..2_000 {
        let mut size = || Size { columns: 1 + random(40) as u16, rows: 1 + random(12) as u16 };
        let (first, other) = (size(), size());
        let mut lines = Lines::styled(Setting { size: first, is_terminal: true })
            .with_drawn_over()
            .with_commands();
        for cursor in 0..8 {
            let text: String = (0..random(40)).map(|_| PARTS[random(PARTS.len())]).collect();
            let mut rest = text.as_bytes();
            while lines.next(&mut rest, Mark::of(cursor, 0.0)).is_some() {}
            if random(4) == 0 {
                lines.resize(other);
            }
            let view = lines.view();
            assert_eq!(view.lines.len(), view.rows, "{text:?}");
            let Cursor { column, row, .. } = view.cursor;
            assert!(column < view.columns && row < view.rows, "{text:?}");
        }
        while lines.end().is_some() {}
    }
}
