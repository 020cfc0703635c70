package main

import (
	"fmt"
	"strings"
)

// posixCases is a case statement, for bash and zsh, that sets offers and files by the command and the place of the word.
func posixCases() string {
	var b strings.Builder
	for _, c := range shownCommands() {
		fmt.Fprintf(&b, "\t%s)\n\t\tflags=\"%s\"\n\t\tcase $place in\n", c.name, strings.Join(c.flagWords(), " "))
		for i, a := range c.arguments() {
			if a.isFile() {
				fmt.Fprintf(&b, "\t\t%d) files=yes ;;\n", i+1)
			} else {
				many := map[bool]string{true: " many=yes"}[a.many]
				fmt.Fprintf(&b, "\t\t%d) offers=\"%s\"%s ;;\n", i+1, a.shellWords(), many)
			}
		}
		b.WriteString("\t\tesac ;;\n")
	}
	return b.String()
}

func commandNames() string {
	var list []string
	for _, c := range shownCommands() {
		list = append(list, c.name)
	}
	return strings.Join(list, " ")
}

// bashCompletion counts the words before the cursor that are no flags: place 0 is the command.
func bashCompletion() string {
	return `# bash completion for locum: source <(locum completion bash)
_locum() {
	local current=${COMP_WORDS[COMP_CWORD]} offers= flags= files= many= place=0 i
	COMPREPLY=()
	for ((i = 2; i <= COMP_CWORD; i++)); do
		[[ $i -eq $COMP_CWORD || ${COMP_WORDS[i]} != -* ]] && place=$((place + 1))
	done
	case ${COMP_WORDS[1]} in
` + posixCases() + `	esac
	[[ -n $many && $current == *,* ]] && offers=$(printf "${current%,*},%s " $offers)
	[[ $COMP_CWORD -eq 1 ]] && offers="` + commandNames() + `" flags= files=
	[[ $current == -* ]] && offers=$flags files=
	if [[ -n $files ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
	else
		mapfile -t COMPREPLY < <(compgen -W "$offers" -- "$current")
	fi
}
complete -o filenames -F _locum locum
`
}

func zshCompletion() string {
	return `#compdef locum
# zsh completion for locum: source <(locum completion zsh), or as the file _locum in $fpath
_locum() {
	local current=${words[CURRENT]} command=${words[2]} offers= flags= files= many= place=0 i
	for ((i = 3; i <= CURRENT; i++)); do
		[[ $i -eq $CURRENT || ${words[i]} != -* ]] && place=$((place + 1))
	done
	case $command in
` + posixCases() + `	esac
	[[ $place -eq 0 ]] && offers="` + commandNames() + `" flags= files=
	[[ $current == -* ]] && offers=$flags files=
	if [[ -n $files ]]; then
		_files
	else
		[[ -n $many ]] && compset -P '*,'
		compadd -- ${=offers}
	fi
}
if [[ $funcstack[1] == _locum ]]; then
	_locum "$@"
else
	compdef _locum locum
fi
`
}

// fishCompletion is a line for each command, flag and place.
func fishCompletion() string {
	var b strings.Builder
	b.WriteString("# fish completion for locum: locum completion fish | source\ncomplete -c locum -f\n")
	for _, c := range shownCommands() {
		fmt.Fprintf(&b, "complete -c locum -n __fish_use_subcommand -a %s -d %s\n", c.name, fishQuoted(c.help))
		after := "-n '__fish_seen_subcommand_from " + c.name + "'"
		for _, f := range c.flagWords() {
			fmt.Fprintf(&b, "complete -c locum %s -l %s\n", after, strings.TrimPrefix(f, "--"))
		}
		for i, a := range c.arguments() {
			place := fmt.Sprintf("-n '__fish_seen_subcommand_from %s; and test (count (commandline -opc | string match -v -- \"-*\")) -eq %d'", c.name, i+2)
			if a.isFile() {
				fmt.Fprintf(&b, "complete -c locum %s -F\n", place)
			} else {
				words := strings.NewReplacer("$(", "(", "\"", "\\\"").Replace(a.shellWords())
				if a.many {
					words = "(" + strings.Trim(words, "()") + ` | string replace -r '^' (commandline -ct | string replace -r '[^,]*$' ''))`
				}
				fmt.Fprintf(&b, "complete -c locum %s -a %s\n", place, fishQuoted(words))
			}
		}
	}
	return b.String()
}

func fishQuoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
