# Completions of gsd-sessions for fish.

function __gsd_sessions
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in (gsd-sessions complete -- $words[2..] "$current" 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path "$current"
            case ':folders'
                __fish_complete_directories "$current"
            case ':command *'
                set -l start (string replace ':command ' '' -- $line)
                complete -C (string join ' ' -- (string escape -- $words[(math $start + 1)..]) "$current")
            case '*'
                echo -- $line
        end
    end
end

complete -c gsd-sessions -f -a '(__gsd_sessions)' -k
