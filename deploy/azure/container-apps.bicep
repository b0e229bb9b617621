// Roadmask on Azure Container Apps: API, scheduler, and workers that scale with the queue.
param location string = resourceGroup().location
param registry string
param version string = '0.1.0'
param publicUrl string
param redisAddress string
@secure()
param redisUrl string
@secure()
param redisPassword string
param s3Endpoint string
param s3Bucket string = 'roadmask'
param s3AccessKey string
@secure()
param s3SecretKey string
param apiKeyHashes string

var secrets = [
  { name: 'redis-url', value: redisUrl }
  { name: 'redis-password', value: redisPassword }
  { name: 's3-secret', value: s3SecretKey }
]
var settings = [
  { name: 'ROADMASK_REDIS_URL', secretRef: 'redis-url' }
  { name: 'ROADMASK_STORE', value: 'minio' }
  { name: 'ROADMASK_DATA_DIR', value: '/tmp/roadmask' }
  { name: 'ROADMASK_MINIO_ENDPOINT', value: s3Endpoint }
  { name: 'ROADMASK_MINIO_SECURE', value: 'true' }
  { name: 'ROADMASK_MINIO_BUCKET', value: s3Bucket }
  { name: 'ROADMASK_MINIO_ACCESS_KEY', value: s3AccessKey }
  { name: 'ROADMASK_MINIO_SECRET_KEY', secretRef: 's3-secret' }
  { name: 'ROADMASK_PUBLIC_URL', value: publicUrl }
  { name: 'ROADMASK_API_KEY_HASHES', value: apiKeyHashes }
]

resource environment 'Microsoft.App/managedEnvironments@2024-03-01' = {
  name: 'roadmask'
  location: location
  properties: {}
}

resource api 'Microsoft.App/containerApps@2024-03-01' = {
  name: 'roadmask-api'
  location: location
  properties: {
    environmentId: environment.id
    configuration: {
      secrets: secrets
      ingress: { external: true, targetPort: 8000, transport: 'http' }
    }
    template: {
      containers: [
        {
          name: 'api'
          image: '${registry}/roadmask-api:${version}'
          env: settings
          resources: { cpu: json('0.5'), memory: '1Gi' }
          probes: [
            { type: 'Liveness', httpGet: { path: '/healthz', port: 8000 } }
            { type: 'Readiness', httpGet: { path: '/readyz', port: 8000 } }
          ]
        }
        {
          name: 'scheduler'
          image: '${registry}/roadmask-api:${version}'
          command: [ 'roadmask', 'scheduler' ]
          env: settings
          resources: { cpu: json('0.25'), memory: '0.5Gi' }
        }
      ]
      scale: { minReplicas: 1, maxReplicas: 4 }
    }
  }
}

resource workers 'Microsoft.App/containerApps@2024-03-01' = [for lane in [ 'batch', 'interactive' ]: {
  name: 'roadmask-worker-${lane}'
  location: location
  properties: {
    environmentId: environment.id
    configuration: { secrets: secrets }
    template: {
      terminationGracePeriodSeconds: 90
      containers: [
        {
          name: 'worker'
          image: '${registry}/roadmask-worker:${version}'
          command: [ 'roadmask', 'worker', '--lanes', lane ]
          env: settings
          resources: { cpu: json('2.0'), memory: '4Gi' }
        }
      ]
      scale: {
        minReplicas: lane == 'batch' ? 0 : 1
        maxReplicas: 20
        rules: [
          {
            name: 'queue'
            custom: {
              type: 'redis'
              metadata: {
                address: redisAddress
                listName: 'rm:queue:${lane}'
                listLength: '8'
                enableTLS: 'true'
              }
              auth: [ { secretRef: 'redis-password', triggerParameter: 'password' } ]
            }
          }
        ]
      }
    }
  }
}]
