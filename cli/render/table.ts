/** Aligned columns. */
import { stripVTControlCharacters } from 'node:util'
import type { Style } from './style.ts'

/** A column: its heading and the cell of a row. Cells may hold colours; they do not count as width. */
export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  readonly align?: 'right'
}

const graphemes = new Intl.Segmenter()
const width = (text: string): number => [...graphemes.segment(stripVTControlCharacters(text))].length

const pad = (text: string, size: number, align: 'right' | undefined): string => {
  const space = ' '.repeat(Math.max(0, size - width(text)))
  return align === 'right' ? space + text : text + space
}

/** Headings and rows with two spaces between columns, ending in a newline. */
export const table = <Row>(style: Style, columns: readonly Column<Row>[], rows: readonly Row[]): string => {
  const cells = rows.map((row) => columns.map((column) => column.cell(row)))
  const sizes = columns.map((column, at) => Math.max(column.title.length, ...cells.map((row) => width(row[at] ?? ''))))
  const line = (texts: readonly string[]) =>
    texts
      .map((text, at) => pad(text, sizes[at] ?? 0, columns[at]?.align))
      .join('  ')
      .trimEnd()
  const heading = columns.map((column, at) => style.dim(pad(column.title, sizes[at] ?? 0, column.align))).join(style.dim('  '))
  return `${[heading.trimEnd(), ...cells.map(line)].join('\n')}\n`
}

/** Names and values below each other, absent ones left out. */
export const fields = (style: Style, rows: readonly (readonly [string, string | undefined])[]): string => {
  const present = rows.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, value] as const]))
  const size = Math.max(0, ...present.map(([name]) => name.length))
  return present.map(([name, value]) => `${style.dim(name.padEnd(size))}  ${value.replace(/\n/g, `\n${' '.repeat(size + 2)}`)}\n`).join('')
}
