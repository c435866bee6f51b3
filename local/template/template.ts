/** The synthesized CloudFormation template and its assets, read from a `cdk synth` output folder. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'

export type Json = z.infer<typeof Json>
export const Json = z.json()

const JsonRecord = z.record(z.string(), Json)

const Parameter = z.looseObject({ Type: z.string(), Default: Json.optional(), AllowedValues: z.array(Json).optional() })
export type Parameter = z.infer<typeof Parameter>

const Resource = z.looseObject({ Type: z.string(), Properties: JsonRecord.default({}), Condition: z.string().optional() })
export type Resource = z.infer<typeof Resource>

export const Template = z.looseObject({
  Parameters: z.record(z.string(), Parameter).default({}),
  Mappings: z.record(z.string(), z.record(z.string(), JsonRecord)).default({}),
  Conditions: JsonRecord.default({}),
  Resources: z.record(z.string(), Resource),
})
export type Template = z.infer<typeof Template>

const Manifest = z.looseObject({
  artifacts: z.record(
    z.string(),
    z.looseObject({ type: z.string(), properties: z.looseObject({ templateFile: z.string().optional(), file: z.string().optional() }).optional() }),
  ),
})
const Assets = z.looseObject({
  files: z
    .record(
      z.string(),
      z.looseObject({ source: z.looseObject({ path: z.string().optional() }), destinations: z.record(z.string(), z.looseObject({ objectKey: z.string() })) }),
    )
    .default({}),
})

/** A synthesized stack. `assets`: the folder or file of each file asset, by the S3 key under which it would be uploaded. */
export interface SynthesizedStack {
  readonly stack_name: string
  readonly template: Template
  readonly assets: ReadonlyMap<string, string>
}

const readJson = async <S extends z.ZodType>(path: string, schema: S): Promise<z.infer<S>> => {
  const parsed = schema.safeParse(JSON.parse(await readFile(path, 'utf8')))
  if (!parsed.success) throw new Error(`${path} is not what cdk synth writes: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}

/** Reads the one stack of a cloud assembly. @param folder what `cdk synth -o` wrote */
export const readSynthesized = async (folder: string): Promise<SynthesizedStack> => {
  const manifest = await readJson(join(folder, 'manifest.json'), Manifest)
  const stacks = Object.entries(manifest.artifacts).filter(([, artifact]) => artifact.type === 'aws:cloudformation:stack')
  const [first, ...others] = stacks
  if (first === undefined || others.length > 0) throw new Error(`${folder} holds ${stacks.length} stacks; the local stack runs exactly one`)
  const [stack_name, artifact] = first
  const template = await readJson(join(folder, artifact.properties?.templateFile ?? `${stack_name}.template.json`), Template)
  const assets = new Map<string, string>()
  for (const other of Object.values(manifest.artifacts)) {
    if (other.type !== 'cdk:asset-manifest' || other.properties?.file === undefined) continue
    const listed = await readJson(join(folder, other.properties.file), Assets)
    for (const asset of Object.values(listed.files))
      for (const destination of Object.values(asset.destinations))
        if (asset.source.path !== undefined) assets.set(destination.objectKey, join(folder, asset.source.path))
  }
  return { stack_name, template, assets }
}
