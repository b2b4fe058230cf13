#compdef gsd-sessions
# Completions of gsd-sessions for zsh.

_gsd_sessions() {
  local line kind
  local -a found
  for line in "${(@f)$(gsd-sessions complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      '') ;;
      :*) kind=$line ;;
      *) found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
    esac
  done
  case $kind in
    :files) _files ;;
    :folders) _files -/ ;;
    ':command '*)
      local start=${kind#:command }
      words=("${(@)words[start + 1,-1]}")
      ((CURRENT -= start))
      _normal
      ;;
  esac
  (($#found)) && _describe -V 'gsd-sessions' found
}

# As a function of a folder of fpath it is called; elsewhere it is registered.
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _gsd_sessions "$@"
else
  compdef _gsd_sessions gsd-sessions
fi
