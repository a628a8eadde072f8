package main

import (
	"context"
	"flag"
	"log"
	"os"
	"path/filepath"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	provisionerName = "cluster.millrace.dev/directory"
	className       = "standard"
	// Annotations that the scheduler sets and that tell whose volume it is.
	selectedNode  = "volume.kubernetes.io/selected-node"
	provisionedBy = "pv.kubernetes.io/provisioned-by"
	// How long an attempt that failed waits for the next one.
	retryAfter = 10 * time.Second
)

type provisioner struct {
	client kubernetes.Interface
	dir    string
}

// provision makes a directory for every claim of the class once a node was chosen for it, and removes it with its volume
// when the claim is gone. The volumes are of the kind `local`, because the kubelet applies a pod's fsGroup to those and not
// to `hostPath`. Sizes are not enforced.
func provision() error {
	kubeconfig := flag.String("kubeconfig", "", "file")
	dir := flag.String("dir", "", "directory of the volumes, the same on every node")
	flag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	p := provisioner{client, filepath.Clean(*dir)}
	changed := make(chan struct{}, 1)
	note := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	claims := factory.Core().V1().PersistentVolumeClaims()
	volumes := factory.Core().V1().PersistentVolumes()
	for _, informer := range []cache.SharedIndexInformer{claims.Informer(), volumes.Informer()} {
		informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { note() },
			UpdateFunc: func(any, any) { note() },
			DeleteFunc: func(any) { note() },
		})
	}
	factory.Start(nil)
	factory.WaitForCacheSync(nil)
	for {
		select {
		case <-changed:
		case <-time.After(retryAfter):
		}
		wanted, _ := claims.Lister().List(labels.Everything())
		for _, claim := range wanted {
			report(p.create(claim))
		}
		present, _ := volumes.Lister().List(labels.Everything())
		for _, volume := range present {
			report(p.remove(volume))
		}
	}
}

// Caches lag behind: what they made us do twice is no error.
func report(err error) {
	if err != nil && !errors.IsAlreadyExists(err) && !errors.IsNotFound(err) && !errors.IsConflict(err) {
		log.Print(err)
	}
}

func (p provisioner) create(claim *core.PersistentVolumeClaim) error {
	class := claim.Spec.StorageClassName
	if class == nil || *class != className || claim.DeletionTimestamp != nil || claim.Spec.VolumeName != "" ||
		claim.Annotations[selectedNode] == "" {
		return nil
	}
	name := "pvc-" + string(claim.UID)
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(path, 0o770); err != nil {
		return err
	}
	// A `local` volume has to say on which nodes it is: on all of them.
	everywhere := core.NodeSelectorRequirement{
		Key: core.LabelOSStable, Operator: core.NodeSelectorOpIn, Values: []string{"linux"}}
	_, err := p.client.CoreV1().PersistentVolumes().Create(context.Background(), &core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{Name: name, Annotations: map[string]string{provisionedBy: provisionerName}},
		Spec: core.PersistentVolumeSpec{
			AccessModes:                   claim.Spec.AccessModes,
			Capacity:                      core.ResourceList{core.ResourceStorage: claim.Spec.Resources.Requests[core.ResourceStorage]},
			PersistentVolumeReclaimPolicy: core.PersistentVolumeReclaimDelete,
			StorageClassName:              className,
			ClaimRef: &core.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: claim.Namespace,
				Name: claim.Name, UID: claim.UID, ResourceVersion: claim.ResourceVersion},
			PersistentVolumeSource: core.PersistentVolumeSource{Local: &core.LocalVolumeSource{Path: path}},
			NodeAffinity: &core.VolumeNodeAffinity{Required: &core.NodeSelector{NodeSelectorTerms: []core.NodeSelectorTerm{
				{MatchExpressions: []core.NodeSelectorRequirement{everywhere}}}}},
		},
	}, meta.CreateOptions{})
	return err
}

func (p provisioner) remove(volume *core.PersistentVolume) error {
	if volume.Annotations[provisionedBy] != provisionerName || volume.Spec.Local == nil ||
		volume.Status.Phase != core.VolumeReleased || volume.DeletionTimestamp != nil {
		return nil
	}
	if filepath.Dir(volume.Spec.Local.Path) == p.dir {
		if err := os.RemoveAll(volume.Spec.Local.Path); err != nil {
			return err
		}
	}
	return p.client.CoreV1().PersistentVolumes().Delete(context.Background(), volume.Name, meta.DeleteOptions{})
}
