# fish completion for pkgd
# The command line is explained by pkgd itself, so this never goes stale.
function __pkgd_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in (command $words[1] debug complete -- $words[2..-1] 2>/dev/null)
        switch $line
            case ':files*'
                __fish_complete_path (commandline -ct)
            case ':dirs*'
                __fish_complete_directories (commandline -ct)
            case '*'
                echo $line
        end
    end
end
complete -c pkgd -f -a '(__pkgd_complete)'
