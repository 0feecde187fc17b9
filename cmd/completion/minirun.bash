# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# bash completion for minirun(1). The words come from `minirun --help` and
# `minirun COMMAND --help`, so that there is no second list to keep.

_minirun_options() {
	"$1" ${2:+"$2"} --help 2>/dev/null |
		sed -nE 's/^ {2,4}(-., )? *(--[a-z-]+).*/\2/p'
}

_minirun_commands() {
	"$1" --help 2>/dev/null | sed -nE '/^Com(mands|panions):/,/^$/s/^  ([a-z]+) .*/\1/p'
}

# The first word that is neither an option nor the value of one.
_minirun_command() {
	local i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--root | --log | --log-format | --log-level | --cgroup-manager | --rootless | --criu)
			i=$((i + 1))
			[ "${COMP_WORDS[i]:-}" != = ] || i=$((i + 1))
			;;
		-*) ;;
		*)
			printf '%s\n' "${COMP_WORDS[i]}"
			return
			;;
		esac
	done
}

_minirun() {
	local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} command words=''
	local previous=${COMP_WORDS[COMP_CWORD - 1]}
	command=$(_minirun_command)
	case $previous in
	--log-format) words='text json' ;;
	--log-level) words='error warning debug' ;;
	--cgroup-manager) words='cgroupfs systemd disabled' ;;
	--format)
		case $command in
		inspect) ;;
		events) words=json ;;
		*) words='table json' ;;
		esac
		;;
	--network) words='none host' ;;
	--against) words='docker podman ctr' ;;
	--expect) words='oomkilled no-oom init-killed timeout' ;;
	esac
	if [ -n "$words" ]; then
		:
	elif [ -z "$command" ]; then
		case $current in
		-*) words=$(_minirun_options "$program") ;;
		*) words=$(_minirun_commands "$program") ;;
		esac
	elif [[ $current == -* ]]; then
		words=$(_minirun_options "$program" "$command")
	else
		case $command in
		inspect | events | explain | score | state | logs | wait | kill | stop | pause | resume | unpause | update | delete | rm | ps)
			words=$("$program" list -q 2>/dev/null)
			;;
		lab) words='list show run check' ;;
		help) words=$(_minirun_commands "$program") ;;
		esac
	fi
	COMPREPLY=()
	while IFS= read -r words; do
		COMPREPLY+=("$words")
	done < <(compgen -W "$words" -- "$current")
}

complete -o default -F _minirun minirun

_minirun_report() {
	COMPREPLY=()
	[[ ${COMP_WORDS[COMP_CWORD]} == -* ]] || return
	mapfile -t COMPREPLY < <(compgen -W "$(_minirun_options "${COMP_WORDS[0]}")" -- "${COMP_WORDS[COMP_CWORD]}")
}

complete -o default -F _minirun_report minirun-report
