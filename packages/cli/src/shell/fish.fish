# Marks the prompts and the commands of fish (OSC 133), so that a recording tells them apart.
if string match -qr '^[0-3]\.' -- $version
    functions --copy fish_prompt __gsd_fish_prompt
    function fish_prompt
        printf '\e]133;A\a'
        __gsd_fish_prompt
        printf '\e]133;B\a'
    end
    function __gsd_runs --on-event fish_preexec
        printf '\e]133;C\a'
    end
    function __gsd_over --on-event fish_postexec
        printf '\e]133;D;%s\a' $status
    end
end
