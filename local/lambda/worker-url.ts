import { readFileSync } from 'node:fs'
import { stop, transformSync } from 'esbuild'

let made: URL | undefined

/** The worker's program as plain JavaScript in a data URL: a thread that starts from it loads no type stripper (15 MB each). */
export const workerUrl = (): URL => {
  if (made !== undefined) return made
  const source = readFileSync(new URL('./worker.ts', import.meta.url), 'utf8')
  const { code } = transformSync(source, { loader: 'ts', format: 'esm', target: 'node24' })
  void stop()
  made = new URL(`data:text/javascript,${encodeURIComponent(code)}`)
  return made
}
