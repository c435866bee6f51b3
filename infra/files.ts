/** The bucket: session files under `sessions/`, commands and inputs too large for the table under `commands/`. */
import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib'
import type { Role } from 'aws-cdk-lib/aws-iam'
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3'
import { Construct } from 'constructs'
import { grant } from './grants.ts'

export type Prefix = 'sessions' | 'commands'

/**
 * Versioning is off: a session's files lie under the fencing token of the attempt that wrote them, so no key is written by two
 * attempts and the table says which token is current. Who replaces a checkpoint removes the files of the one before; the sweep removes those that
 * forks shared. No rule can do that by age: the files of a session that nobody has spoken to for a year are current still. The rules for
 * versions are for whoever turns versioning on.
 */
export class Files extends Construct {
  readonly bucket: Bucket

  constructor(scope: Construct, id: string) {
    super(scope, id)
    this.bucket = new Bucket(this, 'Bucket', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      versioned: false,
      lifecycleRules: [
        { abortIncompleteMultipartUploadAfter: Duration.days(1), noncurrentVersionExpiration: Duration.days(7), expiredObjectDeleteMarker: true },
      ],
      removalPolicy: RemovalPolicy.RETAIN,
    })
    Validations.of(this.bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'Every read and write goes through a URL that runner-api signs for one attempt and logs; server access logs would need a second bucket.',
    })
  }

  /** Reads and writes objects below a prefix; also what presigned URLs may do, as they carry the signer's rights. */
  grantObjects(role: Role, prefix: Prefix, actions: readonly ('s3:GetObject' | 's3:PutObject' | 's3:DeleteObject')[]): void {
    grant(role, {
      actions,
      resources: [this.bucket.arnForObjects(`${prefix}/*`)],
      wildcard: 'Keys below the prefix name workspaces and sessions, which come and go; the function names the one object it means.',
    })
  }
}
