#compdef pkgd
# zsh completion for pkgd
# The command line is explained by pkgd itself, so this never goes stale.
_pkgd() {
    local word text
    local -a plain plain_text open open_text
    while IFS=$'\t' read -r word text; do
        case $word in
        :files) _files ;;
        :dirs) _files -/ ;;
        *=) open+=("$word") open_text+=("$word  $text") ;;
        *) plain+=("$word") plain_text+=("$word  $text") ;;
        esac
    done < <("${words[1]}" debug complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
    (( $#plain )) && compadd -l -d plain_text -a plain
    (( $#open )) && compadd -l -S '' -d open_text -a open
    return 0
}
if [[ $funcstack[1] == _pkgd ]]; then
    _pkgd "$@"
else
    compdef _pkgd pkgd
fi
