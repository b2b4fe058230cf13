# Marks the prompts and the commands of zsh (OSC 133), so that a recording tells them apart. It stands in for .zshrc.
if [[ -n $GSD_ZDOTDIR ]]; then ZDOTDIR=$GSD_ZDOTDIR; else unset ZDOTDIR; fi
unset GSD_ZDOTDIR
[[ -f ${ZDOTDIR:-$HOME}/.zshrc ]] && source ${ZDOTDIR:-$HOME}/.zshrc

__gsd_over() {
  local code=$?
  print -n "\e]133;D;$code\a"
  # A theme may set the prompt anew each time.
  [[ $PS1 == *133\;A* ]] || PS1=$'%{\e]133;A\a%}'$PS1$'%{\e]133;B\a%}'
  return $code
}
__gsd_runs() { print -n '\e]133;C\a' }

autoload -Uz add-zsh-hook
add-zsh-hook precmd __gsd_over
add-zsh-hook preexec __gsd_runs
