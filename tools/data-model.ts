/** Writes docs/data-model.md. */
import { writeFileSync } from 'node:fs'
import { dataModelPage } from './data-model-page.ts'

writeFileSync(new URL('../docs/data-model.md', import.meta.url), dataModelPage())
