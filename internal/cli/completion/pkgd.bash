# bash completion for pkgd
# The command line is explained by pkgd itself, so this never goes stale.
_pkgd() {
    local line=${COMP_LINE:0:COMP_POINT} cur part word text
    local -a words found
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    cur=${words[-1]}
    part=$cur
    [[ $cur == --*=* ]] && part=${cur#*=}
    COMPREPLY=()
    while IFS=$'\t' read -r word text; do
        case $word in
        :files) mapfile -t found < <(compgen -f -- "$part") && compopt -o filenames ;;
        :dirs) mapfile -t found < <(compgen -d -- "$part") && compopt -o filenames ;;
        # bash takes what follows the = for a word of its own
        --*=?*) found=("${word#*=}") ;;
        *) found=("$word") ;;
        esac
        COMPREPLY+=("${found[@]}")
    done < <("${words[0]}" debug complete -- "${words[@]:1}" 2>/dev/null)
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -F _pkgd pkgd
