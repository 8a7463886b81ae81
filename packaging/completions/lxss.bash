# bash completion for lxss(1)

_lxss_instances() { lxss --list --quiet 2>/dev/null; }
_lxss_distributions() { lxss --list --online 2>/dev/null | awk 'found { print $1 } $1 == "NAME" { found = 1 }'; }

_lxss() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]}
  local words=
  COMPREPLY=()
  case $previous in
  -d | --distribution)
    if [[ $verb == --install ]]; then words=$(_lxss_distributions); else words=$(_lxss_instances); fi ;;
  -s | --set-default | -t | --terminate | --check | --unregister | --export | --manage) words=$(_lxss_instances) ;;
  --shell-type) words="standard login none" ;;
  --format) words="tar tar.gz tar.xz tar.zst tar.bz2" ;;
  --install) words="$(_lxss_distributions) --name --location --from-file --no-launch --portable" ;;
  -l | --list) words="--all --running --quiet --verbose --online" ;;
  --shutdown) words="--force" ;;
  --trace-file | --from-file | -f | --location | --move | --mount) compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
  -e | --exec | --) return ;;
  esac
  if [[ -z $words ]]; then
    case $verb in
    --list | -l) words="--all --running --quiet --verbose --online" ;;
    --install) words="--name --location --from-file --no-launch --portable" ;;
    --manage) (( COMP_CWORD == 3 )) && words="--move --rename --set-default-user" ;;
    --mount) words="--name --options --distribution" ;;
    --unmount) words="--distribution" ;;
    --check) words="--repair" ;;
    --import | --import-in-place | --export)
      if (( COMP_CWORD > 2 )); then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$current"; [[ $verb == --export ]] && compgen -W "--format" -- "$current"
          [[ $verb == --import ]] && compgen -W "--portable" -- "$current")
      fi
      return ;;
    *)
      # Behind the command's first word nothing is lxss's own.
      local i
      for (( i = 1; i < COMP_CWORD; ++i )); do
        case ${COMP_WORDS[i]} in
        -d | --distribution | -u | --user | --cd | --shell-type | --engine | --trace-file) (( ++i )) ;;
        --trace* | "~") ;;
        *) return ;;
        esac
      done
      words="--distribution --user --cd --exec --shell-type --engine --trace --trace-file"
      if (( COMP_CWORD == 1 )); then
        words+=" --install --list --import --import-in-place --export --manage --mount --unmount --set-default
          --terminate --shutdown --check --unregister --status --system-info --debug-shell --version --help"
      fi ;;
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _lxss lxss
