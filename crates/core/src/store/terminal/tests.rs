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
        while let Some(line) = lines.next(&mut rest, Mark { cursor, timestamp: cursor as f64 }) {
            add(line);
        }
        assert!(rest.is_empty());
    }
    if let Some(line) = lines.end() {
        add(line);
    }
    assert_eq!(lines.end(), None);
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
    assert_eq!(seen("\x1b(Ba\x1b)0b\x1b=c\x1b>d\x1b#8e\x0ef\x0fg\x07h\0i\x7fj"), ["abcdefghij"]);
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
    assert_eq!(seen("a\tb\rA\tB\n"), ["A\tB"]);
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
fn a_full_screen_becomes_lines_in_the_order_of_writing() {
    let screen = "before\x1b[?1049h\x1b[H\x1b[2Jtitle\x1b[5;10Hvalue\x1b[5;20Hunit\x1b[2;1Hsecond\x1b[?1049lafter\n";
    assert_eq!(seen(screen), ["before", "title", "value     unit", "second", "after"]);
    // A line of a list that is drawn again, as inline programs do it.
    assert_eq!(seen("⠋ one\n\x1b[1A\x1b[2K\x1b[G✔ one\n"), ["⠋ one", "✔ one"]);
    assert_eq!(seen("\x1b[5;10Hvalue\x1b[5;2Hname\r\nend"), ["value", "name", "end"]);
    assert_eq!(seen("\x1b[9;10Hvalue\rnext"), ["value", "next"]);
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
    assert_eq!(seen(less), ["# The house", "", "Somebody"]);
    let prompt = "\x1b]0;me@host: ~\x07\x1b[01;32mme@host\x1b[00m:\x1b[01;34m~\x1b[00m$ lss\x08\x1b[K\r\nfile\r\n";
    assert_eq!(seen(prompt), ["me@host:~$ ls", "file"]);
}

#[test]
fn marks_tell_which_chunk_wrote_what() {
    let mut lines = Lines::default();
    let mark = |cursor| Mark { cursor, timestamp: 0.0 };
    let mut feed = |cursor, text: &'static str| {
        let mut rest = text.as_bytes();
        let line = lines.next(&mut rest, mark(cursor));
        line.map(|line| (0..4).map(|at| line.mark_at(at).cursor).collect::<Vec<_>>())
    };
    assert_eq!(feed(3, "ab"), None);
    assert_eq!(feed(5, "\x1b[m"), None);
    assert_eq!(feed(7, "cd\n"), Some(vec![3, 3, 7, 7]));
    assert_eq!(feed(8, "ab"), None);
    assert_eq!(feed(9, "\rcdef"), None);
    assert_eq!(feed(10, "\n"), Some(vec![9; 4]));
}

#[test]
fn a_line_that_does_not_end_is_cut_between_characters() {
    let long = "é".repeat(MAX_LINE);
    let pieces = texts(&[b"x", long.as_bytes(), b"y\n"]);
    assert!(pieces.iter().all(|piece| piece.len() <= MAX_LINE && !piece.contains('\u{fffd}')));
    assert_eq!(pieces.concat(), format!("x{long}y"));
    // A line that is too long to be overwritten ends, and another one begins.
    let long = "x".repeat(MAX_REDRAWN + 1);
    assert_eq!(seen(&format!("{long}\ry\n")), [&long, "y"]);
    assert_eq!(seen(&format!("{long}\x08y\n")), [&long, "y"]);
    assert_eq!(seen(&format!("{long}\x1b[K\r\n")), [long.as_str()]);
    assert_eq!(seen(&format!("ab\rc{long}\n")), [format!("c{long}")]);
}

#[test]
fn the_cursor_moves_no_further_behind_the_text_than_a_screen_is_wide() {
    let far = format!("{}x", " ".repeat(512));
    assert_eq!(seen("\x1b[9999Cx"), [far.as_str()]);
    assert_eq!(seen("\x1b[100000Gx"), [far.as_str()]);
    assert_eq!(seen("abc\x1b[9999C\x1b[4D[ok]"), [format!("abc{}[ok]", " ".repeat(505))]);
    let long = "x".repeat(3000);
    assert_eq!(
        seen(&format!("{long}\x1b[2000GA\x1b[9999GB")),
        [format!("{}A{}B", "x".repeat(1999), "x".repeat(1000))]
    );
}

#[test]
fn a_few_bytes_cannot_make_much_text() {
    for fragment in ["\x1b[4000Gx\n", "😀\x1b[65535b\n", "x\r\x1b[9999@\n", "\x1b[100000Gx"] {
        let bytes = fragment.len() * 20_000;
        let lines = texts(&[fragment.repeat(20_000).as_bytes()]);
        let seen = lines.iter().map(String::len).sum::<usize>();
        assert!(seen < 9 * bytes + (1 << 17), "{fragment:?}: {seen} of {bytes}");
    }
    // A long line that is moved again and again ends, and another one begins. That never happens to a line of a
    // screen.
    let edits = "\r\x1b[P\x1b[@".repeat(20_000);
    let long = texts(&[format!("{}{edits}y", "x".repeat(4000)).as_bytes()]);
    assert_eq!((long.len(), &*long[1]), (2, "y"));
    let line = "x".repeat(150);
    assert_eq!(texts(&[format!("{line}{edits}").as_bytes()]), [format!(" {}", &line[1..])]);
    // Nor to a line of a program that prints other things as well.
    let mut session = "a line of a log\n".repeat(2000);
    session.push_str(&"-".repeat(1000));
    session.push_str(&"\r\x1b[P".repeat(300));
    assert_eq!(texts(&[session.as_bytes()]).last(), Some(&"-".repeat(700)));
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
        assert!(line.len() < 2 * MAX_REDRAWN, "{}", line.len());
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
