import { fileURLToPath } from 'node:url'
import { buildSync, stop } from 'esbuild'

let made: URL | undefined

/** The worker's program as plain JavaScript in a data URL: a thread that starts from it loads no type stripper (15 MB each). */
export const workerUrl = (): URL => {
  if (made !== undefined) return made
  const entry = fileURLToPath(new URL('./worker.ts', import.meta.url))
  const { outputFiles } = buildSync({ entryPoints: [entry], bundle: true, write: false, platform: 'node', format: 'esm', target: 'node24' })
  void stop()
  made = new URL(`data:text/javascript,${encodeURIComponent(outputFiles[0]?.text ?? '')}`)
  return made
}
