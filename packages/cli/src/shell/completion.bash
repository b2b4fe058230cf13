# Completions of gsd-sessions for bash.

_gsd_sessions() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files) compopt -o default ;;
      :folders) compopt -o dirnames ;;
      :command*)
        # Where bash-completion is loaded, it knows what the command takes.
        if declare -F _command_offset >/dev/null; then
          _command_offset "${line#:command }"
        elif ((COMP_CWORD > ${line#:command })); then
          compopt -o default
        else
          mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
        fi
        ;;
      *) COMPREPLY+=("${line%%$'\t'*}") ;;
    esac
  done < <(gsd-sessions complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}

complete -F _gsd_sessions gsd-sessions
