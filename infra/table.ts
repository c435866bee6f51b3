/** The one table: what is true. Keys and indexes come from the same file that the store reads. */
import { RemovalPolicy } from 'aws-cdk-lib'
import { AttributeType, Billing, ProjectionType, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import type { Role } from 'aws-cdk-lib/aws-iam'
import { Construct } from 'constructs'
import { grant } from './grants.ts'
import { indexes, type IndexName } from '../shared/store/keys.ts'

/** A transaction needs the permission of each of its parts; there is no action of its own name. */
const record_actions = ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query', 'dynamodb:PutItem', 'dynamodb:UpdateItem']
const index_names = Object.keys(indexes).filter((name): name is IndexName => name in indexes)

export class Table extends Construct {
  readonly table: TableV2

  constructor(scope: Construct, id: string) {
    super(scope, id)
    this.table = new TableV2(this, 'Table', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      globalSecondaryIndexes: index_names.map((name) => ({
        indexName: name,
        partitionKey: { name: indexes[name].pk, type: AttributeType.STRING },
        sortKey: { name: indexes[name].sk, type: AttributeType.STRING },
        projectionType: ProjectionType.KEYS_ONLY,
      })),
      billing: Billing.onDemand(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: true,
      // The key that DynamoDB owns: no charge per request. Who needs to revoke it puts a customer key here.
      encryption: TableEncryptionV2.dynamoOwnedKey(),
      removalPolicy: RemovalPolicy.RETAIN,
    })
  }

  /** Reads records by their keys: for who only asks whose key a request brings. */
  grantGet(role: Role): void {
    grant(role, { actions: ['dynamodb:GetItem'], resources: [this.table.tableArn] })
  }

  /** Reads and replaces records by their keys, one at a time. */
  grantPut(role: Role): void {
    grant(role, { actions: ['dynamodb:GetItem', 'dynamodb:PutItem'], resources: [this.table.tableArn] })
  }

  /** Reads records of a partition at a time, and writes nothing. */
  grantRead(role: Role): void {
    grant(role, { actions: ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'], resources: [this.table.tableArn] })
  }

  /**
   * Reads and writes records of a partition at a time. No scan, no access to the table's settings.
   * @param deletes places in line are taken away, and the key of a deleted agent; nothing else ever is
   * @param asks the indexes that it lists by
   */
  grantRecords(role: Role, { deletes, asks }: { readonly deletes: boolean; readonly asks: readonly IndexName[] }): void {
    const arn = this.table.tableArn
    grant(role, { actions: [...record_actions, ...(deletes ? ['dynamodb:DeleteItem'] : [])], resources: [arn] })
    if (asks.length > 0) grant(role, { actions: ['dynamodb:Query'], resources: asks.map((name) => `${arn}/index/${name}`) })
  }
}
