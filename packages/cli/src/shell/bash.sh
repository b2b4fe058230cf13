# Marks the prompts and the commands of bash (OSC 133), so that a recording tells them apart.
[ -f ~/.bashrc ] && . ~/.bashrc

__gsd_over() {
  local code=$?
  printf '\e]133;D;%s\a' "$code"
  return "$code"
}

# A theme may set the prompt anew each time, so the marks are added last.
__gsd_prompt() {
  local code=$?
  case $PS1 in
    *'133;A'*) ;;
    *) PS1='\[\e]133;A\a\]'$PS1'\[\e]133;B\a\]' ;;
  esac
  return "$code"
}

if [ "$(declare -p PROMPT_COMMAND 2>/dev/null | cut -c 1-11)" = 'declare -a ' ]; then
  PROMPT_COMMAND=(__gsd_over "${PROMPT_COMMAND[@]}" __gsd_prompt)
else
  PROMPT_COMMAND="__gsd_over"$'\n'"$PROMPT_COMMAND"$'\n'"__gsd_prompt"
fi
PS0=$'\e]133;C\a'$PS0
