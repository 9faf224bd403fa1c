/** A shell script that hides orders for git wherever git may look for them, and paths that lead outside. Each order makes `marker`. */
export function smuggling(marker: string): string {
  return `
order='touch ${marker}'
mkdir -p .git/hooks sub "$AGORA_OUTPUT_DIR/.git/hooks"
for hook in pre-commit post-checkout post-index-change fsmonitor-watchman pre-auto-gc; do
  printf '#!/bin/sh\\n%s\\n' "$order" > .git/hooks/$hook
  chmod +x .git/hooks/$hook
done
cat > .git/config <<END
[core]
  fsmonitor = $order
  pager = $order
  editor = $order
  sshCommand = $order
[diff]
  external = $order
[filter "smuggled"]
  clean = $order; cat
  smudge = $order; cat
  process = $order
  required = true
[diff "smuggled"]
  textconv = $order; cat
  command = $order
[merge "smuggled"]
  driver = $order
[include]
  path = ../.gitconfig
END
echo 'ref: refs/heads/main' > .git/HEAD
cp .git/config .gitconfig
cp -r .git sub/.git
cp -r .git/hooks/. "$AGORA_OUTPUT_DIR/.git/hooks/"
printf '* filter=smuggled diff=smuggled merge=smuggled ident export-subst\\n' > .gitattributes
printf '[submodule "s"]\\n path = s\\n url = ext::sh -c "%s"\\n update = !%s\\n' "$order" "$order" > .gitmodules
echo plain > plain.txt
echo nested > sub/nested.txt
ln -s / "$AGORA_OUTPUT_DIR/root"
ln -s /etc/passwd "$AGORA_OUTPUT_DIR/passwd"
echo '{"outcome":"done"}' > "$AGORA_OUTPUT_DIR/result.json"
mkdir -p .agora && echo forged > .agora/state.db
`;
}
