/**
 * Loads the plane without one of its guards: `LANEKEEPER_SIM_WITHOUT=admit.limit node --import ./test/sim/guards/without.ts …`. The source
 * is changed in memory, before its types are stripped; no file is.
 */
import { registerHooks } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { guards } from './guards.ts'

const root = resolve(import.meta.dirname, '../../..')
const name = process.env['LANEKEEPER_SIM_WITHOUT']
const guard = guards.find((one) => one.name === name)
if (guard === undefined) throw new Error(`LANEKEEPER_SIM_WITHOUT is ${name}, which is no guard`)
const changed = pathToFileURL(resolve(root, guard.file)).href

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context)
    if (url !== changed) return loaded
    const { source: given } = loaded
    const source = typeof given === 'string' ? given : new TextDecoder().decode(given ?? undefined)
    const parts = source.split(guard.find)
    if (parts.length !== 2) throw new Error(`${guard.name} stands ${parts.length - 1} times in ${guard.file}`)
    return { ...loaded, source: parts.join(guard.replace) }
  },
})
