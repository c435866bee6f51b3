/** House rules that no linter has a rule for, as patterns over the text of a file. `npm run check` applies them to every tracked file. */

export interface TextRule {
  readonly name: string
  /** Which files, by path from the root. */
  readonly files: RegExp
  readonly pattern: RegExp
  readonly message: string
}

const typescript = /\.ts$/
const tests = /\.test\.ts$/
const text = /\.(ts|md|json|jsonc|yaml|yml|sh)$|^\.ci\//

export const text_rules: readonly TextRule[] = [
  {
    name: 'no-skipped-test',
    files: tests,
    pattern: /\b(?:test|it|describe|suite)(?:\.\w+)*\.(?:skip|only|todo|skipIf|runIf|fails)\b|\bctx\.skip\(|\b(?:xit|xtest|xdescribe|fit|fdescribe)\(/,
    message: 'a test runs or it is deleted',
  },
  {
    name: 'no-skip-from-context',
    files: tests,
    pattern: /\(\s*\{[^)}]*\bskip\b[^)}]*\}\s*\)\s*=>|[({,]\s*(?:skip|todo|only):\s*true/,
    message: 'a test runs or it is deleted',
  },
  {
    name: 'zod-namespace-import',
    files: typescript,
    pattern: /^import (?:type )?(?:\{|z\b).* from 'zod'/,
    message: "import * as z from 'zod': the named import bundles every locale",
  },
  {
    name: 'relative-import-with-extension',
    files: typescript,
    pattern: /\bfrom '\.{1,2}\/[^']*(?<!\.ts|\.json)'/,
    message: 'relative imports end in .ts: Node resolves nothing for us',
  },
  {
    name: 'no-machine-path',
    files: text,
    pattern: /(?<![\w.$}])\/(?:Users|work)\/[\w.-]+/,
    message: 'a path of one machine',
  },
]

/** What `rules` find in one file, as `path:line: rule: message`. */
export const findingsIn = (path: string, content: string, rules: readonly TextRule[] = text_rules): readonly string[] => {
  const applicable = rules.filter((rule) => rule.files.test(path))
  if (applicable.length === 0) return []
  return content
    .split('\n')
    .flatMap((line, index) => applicable.filter((rule) => rule.pattern.test(line)).map((rule) => `${path}:${index + 1}: ${rule.name}: ${rule.message}`))
}
