/** A run of the simulator as a page: a lane for each task, attempt, message and handler, time from left to right, faults marked. */
import type { Simulated } from './simulate.ts'
import type { TraceLine } from './trace.ts'

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

const row_px = 18
const step_px = 7
const names_px = 190

const kindOf = ({ is_fault, text }: TraceLine): string => {
  if (is_fault) return 'fault'
  if (text.startsWith('commits')) return 'commit'
  return text.startsWith('begins') || text === 'ends' || text.startsWith('answers') ? 'edge' : 'call'
}

const span = (lines: readonly TraceLine[], row: number): string => {
  const [first, last] = [lines[0], lines.at(-1)]
  if (first === undefined || last === undefined) return ''
  return `<line class="life" x1="${names_px + first.step * step_px}" x2="${names_px + last.step * step_px}" y1="${row * row_px + 9}" y2="${row * row_px + 9}"/>`
}

const time = (at_ms: number): string => new Date(at_ms).toISOString().slice(11, 23)

const mark = (line: TraceLine, row: number): string => {
  const title = escaped(`${line.step} · ${time(line.at_ms)} · ${line.lane}: ${line.text}`)
  return `<circle class="${kindOf(line)}" cx="${names_px + line.step * step_px}" cy="${row * row_px + 9}" r="${line.is_fault ? 5 : 3}"><title>${title}</title></circle>`
}

const laneRow = ([name, lines]: readonly [string, readonly TraceLine[]], row: number): string => {
  const label = lines[0]?.text.startsWith('begins: ') === true ? `${name.replace('handler ', '#')} ${lines[0].text.slice('begins: '.length)}` : name
  const short = label.replaceAll(/0{6,}/g, '…')
  return `<g><text x="4" y="${row * row_px + 13}">${escaped(short.slice(0, 28))}<title>${escaped(label)}</title></text>${span(lines, row)}${lines.map((line) => mark(line, row)).join('')}</g>`
}

/** Where virtual time jumps, and by how much. */
const jumps = (lines: readonly TraceLine[], height: number): string =>
  lines
    .flatMap((line, index) => {
      const before = lines[index - 1]
      const gap_ms = before === undefined ? 0 : line.at_ms - before.at_ms
      if (gap_ms < 1_000) return []
      const x = names_px + line.step * step_px - step_px / 2
      return [`<line class="jump" x1="${x}" x2="${x}" y1="0" y2="${height}"><title>+${gap_ms / 1_000} s, then it is ${time(line.at_ms)}</title></line>`]
    })
    .join('')

const style = `body{font:13px system-ui,sans-serif;margin:16px;color:#1c2430;background:#fff}h1{font-size:17px;margin:0 0 4px}p{margin:2px 0 10px;color:#556}
.bad{color:#b3261e;white-space:pre-wrap}.box{overflow:auto;border:1px solid #d5dae1;max-height:75vh}svg text{font:11px ui-monospace,monospace;fill:#1c2430}
.life{stroke:#c9d2de;stroke-width:2}.jump{stroke:#eceff3}.call{fill:#9aa7b8}.edge{fill:#3b6fd4}.commit{fill:#2e8b57}.fault{fill:#d1372c}
.key span{margin-right:14px}.dot{display:inline-block;width:9px;height:9px;border-radius:50%;margin-right:4px}
ol{font:12px ui-monospace,monospace;max-height:40vh;overflow:auto;padding-left:60px}li.fault{color:#b3261e}`

const keys = [
  ['#3b6fd4', 'a handler begins, answers or ends'],
  ['#9aa7b8', 'a call through a port'],
  ['#2e8b57', 'a commit'],
  ['#d1372c', 'a fault'],
] as const

/** The page; it needs nothing but itself. */
export const timelinePage = ({ seed, violations, hash, lines }: Simulated): string => {
  const lanes = [...Map.groupBy(lines, ({ lane }) => lane)]
  const height = lanes.length * row_px
  const width = names_px + (lines.length + 4) * step_px
  const list = lines.map((line) => `<li class="${kindOf(line)}">${escaped(`${time(line.at_ms)} ${line.lane}: ${line.text}`)}</li>`).join('')
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Seed ${seed}</title><style>${style}</style>
<h1>Seed ${seed}: ${violations.length === 0 ? 'clean' : 'an invariant is violated'}</h1>
<p>${lines.length} steps in ${lanes.length} lanes, hash ${hash}. Steps go from left to right; a faint line is a jump of virtual time. Point at a mark to read it.</p>
${violations.length === 0 ? '' : `<p class="bad">${escaped(violations.join('\n'))}</p>`}
<p class="key">${keys.map(([colour, text]) => `<span><i class="dot" style="background:${colour}"></i>${text}</span>`).join('')}</p>
<div class="box"><svg width="${width}" height="${height}" role="img" aria-label="Timeline">${jumps(lines, height)}${lanes.map(laneRow).join('')}</svg></div>
<h1>Line by line</h1><ol>${list}</ol></html>
`
}
