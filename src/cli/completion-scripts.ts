export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

export function isShell(typed: string): typed is Shell {
  return shells.some((shell) => shell === typed);
}

/** What a shell is to read; each calls `agora complete` with the words before the cursor, the last of which may be empty. */
export const completionScripts: Readonly<Record<Shell, string>> = {
  // Words are taken from the line: bash would part them at each colon, and a path of a workspace has one.
  bash: `# In ~/.bashrc: source <(agora completion bash)
_agora() {
  local line="\${COMP_LINE:0:COMP_POINT}" words found
  read -ra words <<<"$line"
  case "$line" in *' ') words+=('') ;; esac
  mapfile -t found < <(agora complete -- "\${words[@]:1}" 2>/dev/null)
  local typed="\${words[-1]}" colon=''
  case "$typed" in *:*) [[ "$COMP_WORDBREAKS" == *:* ]] && colon="\${typed%:*}:" ;; esac
  COMPREPLY=("\${found[@]#"$colon"}")
  case "\${COMPREPLY[0]-}" in */ | *:) compopt -o nospace ;; esac
}
complete -o default -F _agora agora
`,
  zsh: `#compdef agora
# In ~/.zshrc, after compinit: source <(agora completion zsh)
_agora() {
  local -a found
  found=("\${(@f)$(agora complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  local -a open=("\${(@M)found:#*[/:]}") whole=("\${(@)found:#*[/:]}")
  [[ -n "\${open[*]}" ]] && compadd -S '' -- $open
  [[ -n "\${whole[*]}" ]] && compadd -- $whole
  [[ -z "\${found[*]}" ]] && _files
}
compdef _agora agora
`,
  // Files only where there is nothing else: fish would mix them with names of hosts.
  fish: `# In ~/.config/fish/completions/agora.fish
function __agora
  set -l found (agora complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)
  if set -q found[1]
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c agora -f -a '(__agora)'
`,
};
