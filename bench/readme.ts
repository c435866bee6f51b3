/** The table in README.md, between its markers. */

export const markers = { start: '<!-- bench:start -->', end: '<!-- bench:end -->' } as const

/** `text` with what stands between the markers replaced. Throws where a marker is missing or they are swapped. */
export const replaceBetweenMarkers = (text: string, replacement: string): string => {
  const start = text.indexOf(markers.start)
  const end = text.indexOf(markers.end)
  if (start === -1 || end < start) throw new Error(`README.md needs ${markers.start} and, after it, ${markers.end}`)
  return `${text.slice(0, start + markers.start.length)}\n${replacement.trim()}\n${text.slice(end)}`
}

/** A Markdown table; the first row is its heading. Columns after the first are right-aligned. */
export const markdownTable = (rows: readonly (readonly string[])[]): string => {
  const [heading, ...body] = rows
  if (heading === undefined) return ''
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = heading.map((_, at) => (at === 0 ? '---' : '---:'))
  return [line(heading), line(rule), ...body.map(line)].join('\n')
}
