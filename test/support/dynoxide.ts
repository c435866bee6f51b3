/** A DynamoDB for tests: the dynoxide binary on a free loopback port, in memory, gone with `stop`. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { CreateTableCommand, ListTablesCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { tableClient } from '../../shared/ports/aws/clients.ts'
import { indexes, type IndexName } from '../../shared/store/keys.ts'

export interface Dynoxide {
  readonly client: DynamoDBClient
  /** Makes a table of the store's shape and returns its name. */
  createTable(): Promise<string>
  stop(): Promise<void>
}

const binary = (): string => {
  const name = `@dynoxide/${process.platform}-${process.arch}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'dynoxide')
  } catch (cause) {
    throw new Error(`the package ${name} is not installed; set DYNAMODB_ENDPOINT to the address of another DynamoDB`, { cause })
  }
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port')
  return address.port
}

const clientOf = (endpoint: string): DynamoDBClient =>
  tableClient({ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } })

/** Asks until the server answers; gives up after 10 s or when the process is gone. */
const untilReady = async (client: DynamoDBClient, child: ChildProcess): Promise<void> => {
  const deadline = Date.now() + 10_000
  for (;;) {
    try {
      await client.send(new ListTablesCommand({}))
      return
    } catch (cause) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error('dynoxide did not start', { cause })
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

const start = async (): Promise<{ readonly client: DynamoDBClient; readonly child: ChildProcess | undefined }> => {
  const given = process.env.DYNAMODB_ENDPOINT
  if (given !== undefined) return { client: clientOf(given), child: undefined }
  const port = await freePort()
  const child = spawn(binary(), ['serve', '--host', '127.0.0.1', '--port', String(port)], { stdio: 'ignore' })
  const client = clientOf(`http://127.0.0.1:${port}`)
  await untilReady(client, child)
  return { client, child }
}

const string_attributes = ['pk', 'sk', ...new Set(Object.values(indexes).flatMap(({ pk, sk }) => [pk, sk]))]
const index_names = Object.keys(indexes).filter((name): name is IndexName => name in indexes)

const keySchema = ({ pk, sk }: { readonly pk: string; readonly sk: string }) => [
  { AttributeName: pk, KeyType: 'HASH' as const },
  { AttributeName: sk, KeyType: 'RANGE' as const },
]

export const startDynoxide = async (): Promise<Dynoxide> => {
  const { client, child } = await start()
  let tables = 0
  return {
    client,
    createTable: async () => {
      tables += 1
      const TableName = `lanekeeper-${process.pid}-${Date.now()}-${tables}`
      await client.send(
        new CreateTableCommand({
          TableName,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: string_attributes.map((AttributeName) => ({ AttributeName, AttributeType: 'S' as const })),
          KeySchema: keySchema({ pk: 'pk', sk: 'sk' }),
          GlobalSecondaryIndexes: index_names.map((name) => ({
            IndexName: name,
            KeySchema: keySchema(indexes[name]),
            Projection: { ProjectionType: 'KEYS_ONLY' as const },
          })),
        }),
      )
      return TableName
    },
    stop: async () => {
      client.destroy()
      if (child === undefined || child.exitCode !== null) return
      const gone = once(child, 'exit')
      child.kill()
      await gone
    },
  }
}
